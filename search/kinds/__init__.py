"""Which question is asked of a task, and what proves the answer: transfer, sharing, dcl."""

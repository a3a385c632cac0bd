"""Does the certificate of transfer between sequence models follow from what its folder holds, and is that intact?"""

from search.transfer.verification import checks

__all__ = ["checks"]

"""The search itself: from the command line down to the sampler, the race and the certificate."""

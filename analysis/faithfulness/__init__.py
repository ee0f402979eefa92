"""Does a map point at what matters? Deletion, infidelity, sensitivity, randomised weights."""

"""The paper's claims about local and global affinity, put to the test on a folder of pictures."""

"""Tables of text as a careful analyst reads them: the head says how, each block is parsed by pandas and looked at."""

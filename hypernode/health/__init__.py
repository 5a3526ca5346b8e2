"""The judgement of a node: does it do its duty, and if not, what is to be done.  Pure over what it is
handed."""

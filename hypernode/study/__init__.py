"""A study of networks under constant faults: experiments as data, played with real nodes, summed up."""

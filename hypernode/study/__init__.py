"""A study of networks under constant trouble: experiments as data, played with real nodes, put together."""

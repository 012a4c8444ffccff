"""Finding (搜索): what words mean, how results are ranked, what is kept of searches."""

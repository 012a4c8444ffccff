"""The directory (名录): merchants known to exist that have not come to Linli yet; who owns one claims it."""

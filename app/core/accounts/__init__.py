"""People (居民, 商户员工, 管家): one phone is one account is one sign-in; memberships say what one may do."""

"""People (居民, 商户员工, 管家): one phone number is one account is one sign-in; what a person may do comes from memberships."""

"""Life bills: bind an account, ask for its bills, pay them, by hand or by themselves; hold billers' files to ours."""

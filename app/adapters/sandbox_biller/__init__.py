"""A house of billers that plays the outside world: bills of every account, payments under keys, nightly files.

Any number exists that does not begin with 9. An account has one bill a month, due on the 25th of the next; accounts of
billers whose code ends with ``-prepaid`` have a balance instead. What goes wrong is thrown by a seed.
"""

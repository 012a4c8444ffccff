"""Tills (钱箱) of experience stores and the agent desk (助农服务点): cash that meets the account."""

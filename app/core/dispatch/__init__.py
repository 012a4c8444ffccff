"""Dispatch (派单调度): which delivery is offered to which courier, and when. Pure: no table, no session, no clock."""

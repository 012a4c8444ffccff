"""The worker: relays events, runs reactions, timers, sweeps and jobs. Any number may run; the relay is one at a time."""

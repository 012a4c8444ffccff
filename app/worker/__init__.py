"""The worker: relay, reactions, timers, sweeps and jobs. Any number may run; the relay is one at a time."""

"""The program: settings, wallet, runtime, procedures over ports, status."""

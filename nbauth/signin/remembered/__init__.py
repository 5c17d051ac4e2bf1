"""Sign-ins that outlive the kernel: only on request, encrypted by the platform, shared by several kernels."""

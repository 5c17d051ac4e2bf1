"""An OpenID provider and a protected API on loopback, for people without a tenant and for the tests."""

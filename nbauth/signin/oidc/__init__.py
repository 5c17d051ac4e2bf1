"""What OpenID Connect says: discovery, issuers, ID tokens, userinfo."""

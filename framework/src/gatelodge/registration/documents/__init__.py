"""Client-id metadata documents: a client whose id is the https URL of a document that describes it.

Owns which URLs are such ids, how a document is fetched, kept and read, and the well-known documents kept as data. Does
not own the Keycloak client made from one (``registration.provision``) nor any page (``app.desk``). Neighbours below:
``outbound`` for the guarded fetch, ``issuer`` for key sets and the disk copy, ``core``.
"""

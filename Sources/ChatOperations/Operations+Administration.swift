package import ChatDomain
package import ChatLive

/// What operators do: only administrators may, and where it is stricter, the routes say so.
extension Operations {
    /// Lists all server keys, revoked ones too.
    ///
    /// - Throws: `StoreError.forbidden`.
    package func readServerKeys(_ caller: Caller) async throws(StoreError) -> [ServerKeyRecord] {
        try requireAdministrator(caller)
        return try await store.serverKeys()
    }

    /// Adds a server key.
    ///
    /// - Throws: `StoreError.forbidden`.
    package func addServerKey(_ caller: Caller, _ key: ServerKeyRecord) async throws(StoreError) {
        try requireAdministrator(caller)
        try await store.addServerKey(key)
    }

    /// Revokes a server key; one that is revoked stays as it is.
    ///
    /// - Returns: Whether there is such a key.
    /// - Throws: `StoreError.forbidden`.
    package func revokeServerKey(_ caller: Caller, _ id: String) async throws(StoreError) -> Bool {
        try requireAdministrator(caller)
        return try await store.revokeServerKey(id)
    }

    /// Lists the open streams, WebSockets and long polls of this process.
    ///
    /// - Throws: `StoreError.forbidden`.
    package func readStreams(_ caller: Caller) async throws(StoreError) -> [OpenStream] {
        try requireAdministrator(caller)
        return await hub.streams()
    }

    /// Reads the kind of the database, and how much this process writes.
    ///
    /// - Throws: `StoreError.forbidden`.
    package func readStoreStatus(_ caller: Caller) throws(StoreError) -> (database: StoreKind, writes: WriteLoad) {
        try requireAdministrator(caller)
        return (store.kind, store.writeLoad)
    }
}

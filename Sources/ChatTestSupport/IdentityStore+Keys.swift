package import ChatDomain
package import ChatIdentity

extension IdentityStore {
    /// Adds a new server key, named after its scope.
    package func addServerKey(_ scope: ServerKeyScope) async throws(StoreError) -> ServerKey {
        let key = ServerKey()
        try await addServerKey(key.record(named: scope.text, scope, createdAt: .now()))
        return key
    }
}

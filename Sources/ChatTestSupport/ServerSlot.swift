/// The current address of a server that may be killed and restarted on another port.
package actor ServerSlot {
    /// One run of the server.
    package struct Server: Sendable {
        package let client: HTTPTestClient
        fileprivate let generation: Int
    }

    /// The last server was lost.
    package struct Lost: Error {}

    private let generations: Int
    private var current: Server?
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// - Parameter generations: The number of servers that will run, one after the other.
    package init(generations: Int = 1) {
        self.generations = generations
    }

    /// Makes a new server available and resumes the clients that wait for it.
    package func put(_ client: HTTPTestClient) {
        current = Server(client: client, generation: (current?.generation ?? 0) + 1)
        for continuation in waiting {
            continuation.resume()
        }
        waiting = []
    }

    /// Waits for a server other than `lost`.
    ///
    /// - Throws: `Lost` if no other server will run.
    package func server(after lost: Server? = nil) async throws -> Server {
        if let lost, lost.generation == generations { throw Lost() }
        while true {
            if let current, current.generation > lost?.generation ?? 0 { return current }
            await withCheckedContinuation { waiting.append($0) }
        }
    }
}

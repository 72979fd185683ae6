/// Where a server is that may be killed and come back at another port.
package actor ServerSlot {
    /// A server that clients talk to until it is gone.
    package struct Server: Sendable {
        package let client: HTTPTestClient
        fileprivate let generation: Int
    }

    /// A server was lost after which no other one is to come.
    package struct Lost: Error {}

    private let generations: Int
    private var current: Server?
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// - Parameter generations: How many servers there will be, one after the other.
    package init(generations: Int = 1) {
        self.generations = generations
    }

    package func put(_ client: HTTPTestClient) {
        current = Server(client: client, generation: (current?.generation ?? 0) + 1)
        for continuation in waiting {
            continuation.resume()
        }
        waiting = []
    }

    /// The server that is there, as soon as there is one that is not `lost`.
    package func server(after lost: Server? = nil) async throws -> Server {
        if let lost, lost.generation == generations { throw Lost() }
        while true {
            if let current, current.generation > lost?.generation ?? 0 { return current }
            await withCheckedContinuation { waiting.append($0) }
        }
    }
}

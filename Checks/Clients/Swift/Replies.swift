/// Takes the answers to requests for tokens one by one.
actor Replies {
    private var iterator: AsyncStream<Driver.Command>.Iterator

    init(_ stream: AsyncStream<Driver.Command>) {
        iterator = stream.makeAsyncIterator()
    }

    func next() async -> Driver.Command? {
        var iterator = iterator
        defer { self.iterator = iterator }
        return await iterator.next(isolation: self)
    }
}

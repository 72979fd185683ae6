/// How much of the server those who read live can take.
package struct StreamLimits: Sendable {
    /// A further one is answered with 503.
    package var maximumStreams = 8_000
    /// A further one from the same address is answered with 429.
    package var maximumStreamsPerAddress = 1_000
    /// Chats in one stream: of more, a stream of all chats follows those that were active last.
    package var maximumChats = 500
    /// A quiet stream sends something after so long.
    package var heartbeat = Duration.seconds(15)
    /// A reader whose connection takes nothing for so long is ended.
    package var stallTimeout = Duration.seconds(30)
    /// A reader who has so many events to go is ended.
    package var maximumLag = 1_000
    /// How often the store is asked for what was not signalled.
    package var checkInterval = Duration.seconds(5)

    /// Pages of logs that are read from the database at once.
    package var maximumReads = 4
    /// Somebody who goes on typing is shown again after so long.
    package var typingInterval = Duration.seconds(1)
    /// Further typing events in a chat are dropped, in a second.
    package var maximumTypingPerChat = 20
    /// Further typing events from an address are answered with 429, in a second.
    package var maximumTypingPerAddress = 200

    package init() {}

    /// Like `maximumLag`, in bytes of memory a chat.
    package var maximumLagBytes: Int { 1 << 20 }
    /// How many entries a chat brings at the most that becomes active and joins a stream of all chats.
    package var joiningEntries: Int64 { 100 }
    /// How many bytes a stream of many chats sends for each byte of its ids, those of the ids included.
    package var bytesPerIDByte: Int { 5 }
    /// How long a client waits that comes back to a log that cannot be read, in milliseconds.
    package var failureDelay: Int { 60_000 }
    /// How long a reader waits before it asks a store again that has failed.
    package var retryDelay: Duration { .seconds(1) }
    /// How long a client that is told to come again waits, in milliseconds: they are not to come all at once.
    package var reconnectDelay: ClosedRange<Int> { 1_000...3_000 }
    /// The same for a client that was turned away.
    package var refusalDelay: ClosedRange<Int> { 5_000...10_000 }
    /// How long a connection that takes nothing is kept for the last event.
    package var lingering: Duration { .seconds(5) }
}

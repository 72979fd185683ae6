/// What streams, WebSockets and long polls may take of the server.
package struct StreamLimits: Sendable {
    /// One more gets 503.
    package var maximumStreams = 8_000
    /// One more from the same address gets 429.
    package var maximumStreamsPerAddress = 1_000
    /// Chats in one stream; if there are more, a stream of all chats follows the most recently active ones.
    package var maximumChats = 500
    /// How long a stream is quiet before it sends a heartbeat.
    package var heartbeat = Duration.seconds(15)
    /// A subscriber whose connection accepts nothing for this long is disconnected.
    package var stallTimeout = Duration.seconds(30)
    /// A subscriber is disconnected when it is this many events behind.
    package var maximumLag = 1_000
    /// How often the store is polled for missed events.
    package var checkInterval = Duration.seconds(5)

    /// Pages of logs that are read from the store at once.
    package var maximumReads = 4
    /// A person who keeps typing is shown again after this long.
    package var typingInterval = Duration.seconds(1)
    /// Typing notices that a chat shows in a second; the others are dropped.
    package var maximumTypingPerChat = 20
    /// Typing notices from an address in a second; one more gets 429.
    package var maximumTypingPerAddress = 200

    package init() {}

    /// Like `maximumLag`, in bytes of memory per topic.
    package var maximumLagBytes: Int { 1 << 20 }
    /// At most so many entries of a chat that becomes active and joins a stream of all chats are sent.
    package var joiningEntries: Int64 { 100 }
    /// How many bytes a stream of many chats sends for each byte of its ids, those of the ids included.
    package var bytesPerIDByte: Int { 5 }
    /// How long a client waits before it reconnects to a damaged log, in milliseconds.
    package var failureDelay: Int { 60_000 }
    /// How long a subscription waits before it reads again after the store has failed.
    package var retryDelay: Duration { .seconds(1) }
    /// How long a client waits before it reconnects, in milliseconds: not all clients are to come at once.
    package var reconnectDelay: ClosedRange<Int> { 1_000...3_000 }
    /// The same for a client that was refused.
    package var refusalDelay: ClosedRange<Int> { 5_000...10_000 }
    /// How long a connection that accepts nothing is kept open for the last event.
    package var lingering: Duration { .seconds(5) }
}

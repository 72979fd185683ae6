/// Limits and timings of streams, WebSockets and long polls.
package struct StreamLimits: Sendable {
    /// Open at once in this process; one more gets 503.
    package var maximumStreams = 8_000
    /// Open at once from one client address; one more gets 429.
    package var maximumStreamsPerAddress = 1_000
    /// Chats in one stream; if there are more, a stream of all chats follows the most recently active.
    package var maximumChats = 500
    /// How long a stream stays silent before it sends a heartbeat.
    package var heartbeat = Duration.seconds(15)
    /// A subscriber whose connection accepts nothing for this long is disconnected.
    package var stallTimeout = Duration.seconds(30)
    /// A subscriber is disconnected when it is this many events behind.
    package var maximumLag = 1_000
    /// How often the store is polled for missed events.
    package var checkInterval = Duration.seconds(5)
    /// How long a WebSocket that was opened without a credential may take to send one.
    package var authenticationTimeout = Duration.seconds(5)
    /// Pages of logs that are read from the store at the same time, for all subscribers together.
    package var maximumReads = 4
    /// How often a person who keeps typing is shown again.
    package var typingInterval = Duration.seconds(1)
    /// Typing notices shown per chat and second; further ones are dropped.
    package var maximumTypingPerChat = 20

    /// Starts with the defaults; the configuration can override the stored ones.
    package init() {}

    /// Bytes of memory per replay buffer; a subscriber that needs older events is disconnected.
    package var maximumLagBytes: Int { 1 << 20 }
    /// Chats that a stream of an inbox may follow.
    package var maximumFollowed: Int { 50 }
    /// A stream of an inbox sends at most one line per chat in this time.
    package var inboxInterval: Duration { .milliseconds(500) }
    /// Latest entries sent when an existing chat becomes active and joins a stream of all chats.
    package var joiningEntries: Int64 { 100 }
    /// Bytes that a stream of many chats writes per byte of its ids, including the ids: about a fifth are ids.
    package var bytesPerIDByte: Int { 5 }
    /// A subscription is sent at most one piece of an open message's text in this time.
    package var growthInterval: Duration { .milliseconds(50) }
    /// How long a client waits before it reconnects to a damaged log, in milliseconds.
    package var failureDelay: Int { 60_000 }
    /// How long a subscription waits before it repeats a read that failed.
    package var retryDelay: Duration { .seconds(1) }
    /// How long a client waits before it reconnects, in milliseconds; random, so that clients do not all return at
    /// once.
    package var reconnectDelay: ClosedRange<Int> { 1_000...3_000 }
    /// How long a rejected client waits before it reconnects, in milliseconds; random as well.
    package static var refusalDelay: ClosedRange<Int> { 5_000...10_000 }
    /// How long a stream that has ended stays open for the client to accept the final event.
    package var lingering: Duration { .seconds(5) }
}

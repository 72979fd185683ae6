package import OpenMetrics

/// Every metric of the service; those of the process are in `ProcessMetrics`.
///
/// Each has a row in docs/metrics.md. A value that exists anyway is observed (`ServiceMetrics`, or the program for what
/// only it knows); anything else gets a handle when the server starts (`RequestMetrics`, `LimitMetrics`).
extension MetricFamily {
    static let requests = MetricFamily("chat_http_requests", .counter, "HTTP requests, by route and status.")
    static let requestDurations = MetricFamily(
        "chat_http_request_duration_seconds",
        .histogram(buckets: .latencies),
        unit: "seconds",
        "Time from a complete request to its response, or to the start of a stream."
    )
    static let requestsInFlight = MetricFamily(
        "chat_http_requests_in_flight",
        .gauge,
        "HTTP requests that have no response yet; streams have one."
    )
    static let socketRequests = MetricFamily(
        "chat_websocket_requests",
        .counter,
        "Requests on WebSockets, by operation and result."
    )
    static let limitedRequests = MetricFamily(
        "chat_requests_limited",
        .counter,
        "Requests refused because a client made too many, by limit."
    )

    static let connections = MetricFamily("chat_connections", .gauge, "Open connections of clients.")
    static let maximumConnections = MetricFamily(
        "chat_connections_limit",
        .gauge,
        "Maximum number of connections of clients."
    )

    static let streams = MetricFamily("chat_streams", .gauge, "Open streams, WebSockets and long polls.")
    static let maximumStreams = MetricFamily(
        "chat_streams_limit",
        .gauge,
        "Maximum number of streams, WebSockets and long polls."
    )
    static let stalledStreams = MetricFamily(
        "chat_streams_stalled",
        .gauge,
        "Streams whose client does not read what it was sent."
    )
    static let streamLag = MetricFamily(
        "chat_stream_lag_entries",
        .gauge,
        "Log entries that were not sent yet, over all streams."
    )
    static let longestStreamLag = MetricFamily(
        "chat_stream_lag_max_entries",
        .gauge,
        "Log entries that were not sent yet to the stream that lags the most."
    )
    static let streamEvents = MetricFamily(
        "chat_stream_events",
        .counter,
        "Log entries, notices and pieces of text sent to streams."
    )
    static let slowStreams = MetricFamily(
        "chat_streams_too_slow",
        .counter,
        "Streams that were ended because their client was too slow."
    )

    static let writeQueue = MetricFamily(
        "chat_write_queue_requests",
        .gauge,
        "Writes that no batch has picked up yet."
    )
    static let batchSizes = MetricFamily(
        "chat_write_batch_requests",
        .histogram(buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]),
        "Writes in one transaction."
    )
    static let transactionDurations = MetricFamily(
        "chat_write_transaction_duration_seconds",
        .histogram(buckets: [0.0005] + .latencies),
        unit: "seconds",
        "Time from the start of a transaction of writes to its commit."
    )
    static let failedBatches = MetricFamily(
        "chat_write_transactions_failed",
        .counter,
        "Transactions of writes that failed."
    )
    static let readQueue = MetricFamily(
        "chat_read_queue_requests",
        .gauge,
        "Reads that wait: for a batch, for memory, or for another search to end."
    )

    static let poolConnections = MetricFamily(
        "chat_database_connections_in_use",
        .gauge,
        "PostgreSQL connections in use, by pool."
    )
    static let poolSize = MetricFamily(
        "chat_database_connections_limit",
        .gauge,
        "Maximum number of PostgreSQL connections, by pool."
    )
    static let poolWaiting = MetricFamily(
        "chat_database_connections_waiting",
        .gauge,
        "Requests that wait for a PostgreSQL connection, by pool."
    )
    static let writeAheadLog = MetricFamily(
        "chat_sqlite_wal_bytes",
        .gauge,
        unit: "bytes",
        "Size of SQLite's write-ahead log."
    )
    static let checkpoints = MetricFamily(
        "chat_sqlite_checkpoints",
        .counter,
        "Attempts to copy SQLite's write-ahead log into the database."
    )
    static let failedCheckpoints = MetricFamily(
        "chat_sqlite_checkpoints_failed",
        .counter,
        "Attempts that did not copy all of it."
    )

    /// Requests to webhooks' receivers.
    package static let webhookRequests = MetricFamily(
        "chat_webhook_requests",
        .counter,
        "Requests to receivers of webhooks, by result."
    )
    /// Durations of requests to webhooks' receivers.
    package static let webhookRequestDurations = MetricFamily(
        "chat_webhook_request_duration_seconds",
        .histogram(buckets: .latencies),
        unit: "seconds",
        "Time from a request to a webhook's receiver to the response, or to the failure."
    )
    /// Chats with entries to deliver.
    package static let webhookPendingChats = MetricFamily(
        "chat_webhook_pending_chats",
        .gauge,
        "Chats with entries that a webhook has not received, without stalled ones."
    )
    /// Chats that were given up.
    package static let webhookStalledChats = MetricFamily(
        "chat_webhook_stalled_chats",
        .gauge,
        "Chats of which a webhook receives nothing more until it is resumed."
    )
    /// How far webhooks are behind.
    package static let webhookDelay = MetricFamily(
        "chat_webhook_delay_seconds",
        .gauge,
        unit: "seconds",
        "Time for which the chat that has waited longest for a webhook has waited."
    )

    /// Log lines that were dropped.
    package static let droppedLogLines = MetricFamily(
        "chat_log_lines_dropped",
        .counter,
        "Log lines dropped because the reader of the log was too slow."
    )
    static let build = MetricFamily("chat_build", .info, "The program's version, and its database.")
}

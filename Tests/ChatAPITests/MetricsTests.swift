import ChatAPI
import ChatDomain
import ChatSQLite
import ChatTestSupport
import Hummingbird
import OpenMetrics
import Testing

/// What `/metrics` shows of a server.
@Suite(.timeLimit(.minutes(5)))
struct MetricsTests {
    @Test func `requests are counted by route, and those without one together`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats(2)
            try await client.post("a", "b", to: 2)
            for path in ["/chats/1", "/chats/2", "/chats/3", "/chats/x", "/none/1", "/none/2"] {
                _ = try await client.send("GET", path)
            }
            #expect(try await client.send("HEAD", "/chats/1").status == 200)
            #expect(try await client.send("PUT", "/chats/1").status == 405)
            #expect(try await client.send("BREW", "/chats/1").status == 501)

            let metrics = try await client.metrics()
            let chat = #"method="GET",route="/chats/{chat_id}""#
            #expect(metrics[#"chat_http_requests_total{\#(chat),status="200"}"#] == 3)
            #expect(metrics[#"chat_http_requests_total{\#(chat),status="404"}"#] == 1)
            #expect(metrics[#"chat_http_requests_total{\#(chat),status="422"}"#] == 1)
            #expect(metrics[#"chat_http_request_duration_seconds_count{\#(chat)}"#] == 5)
            #expect(metrics[#"chat_http_request_duration_seconds_bucket{\#(chat),le="+Inf"}"#] == 5)
            let posts = #"method="POST",route="/chats/{chat_id}/messages/",status="201""#
            #expect(metrics["chat_http_requests_total{\(posts)}"] == 2)
            #expect(metrics[#"chat_http_requests_total{method="-",route="-",status="404"}"#] == 2)
            #expect(metrics[#"chat_http_requests_total{method="-",route="-",status="405"}"#] == 1)
            #expect(metrics[#"chat_http_requests_total{method="-",route="-",status="501"}"#] == 1)
            // This request itself.
            #expect(metrics["chat_http_requests_in_flight"] == 1)
            // No client can add series.
            #expect(!metrics.keys.contains { $0.contains("none") || $0.contains("BREW") })
        }
    }

    @Test func `the format is the one that Accept asks for`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let plain = try await client.send("GET", "/metrics")
            #expect(plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(plain.text.contains("\n# TYPE chat_streams gauge\n"))
            let headers = ["Accept": "application/openmetrics-text; version=1.0.0"]
            let open = try await client.send("GET", "/metrics", headers: headers)
            #expect(open.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(open.text.hasSuffix("\n# EOF\n"))
        }
    }

    @Test func `streams are counted by transport, with what they were sent`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            try await client.post("a")
            try await client.withSocket { socket in
                _ = try await socket.next()
                try await socket.send(#"{"op":"ping"}"#)
                _ = try await socket.next()
                try await socket.send(#"{"op":"toast"}"#)
                _ = try await socket.next()
                try await client.withEvents("/chats/1/events?after=0") { events in
                    _ = try await events.events(through: "caught_up")
                    let metrics = try await client.metrics()
                    #expect(metrics[#"chat_streams{transport="stream"}"#] == 1)
                    #expect(metrics[#"chat_streams{transport="websocket"}"#] == 1)
                    #expect(metrics[#"chat_streams{transport="long_poll"}"#] == 0)
                    #expect(metrics["chat_stream_events_total"] == 1)
                    #expect(metrics["chat_streams_stalled"] == 0)
                    #expect(metrics[#"chat_websocket_requests_total{operation="ping",result="ok"}"#] == 1)
                    #expect(metrics[#"chat_websocket_requests_total{operation="-",result="error"}"#] == 1)
                }
            }
            // What ended streams were sent still counts.
            while try await client.metrics()[#"chat_streams{transport="stream"}"#] != 0 {}
            #expect(try await client.metrics()["chat_stream_events_total"] == 1)
        }
    }

    @Test func `a port of its own needs no credential, and the other one has no metrics then`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await expectOwnPort(store)
        }
    }

    private func expectOwnPort(_ store: some ServiceStore) async throws {
        let access = try await TestAccess(store)
        let service = ChatService(
            store: store,
            authenticator: access.authenticator,
            documentationAssets: nil,
            servesMetrics: false
        )
        try await withApplication { logger, onServerRunning in
            await service.application(
                address: .hostname("127.0.0.1", port: 0),
                logger: logger,
                onServerRunning: onServerRunning
            )
        } _: { client, _ in
            #expect(try await client.send("GET", "/metrics", as: access.key(.admin)).status == 404)
            try await withApplication { logger, onServerRunning in
                service.metricsApplication(
                    address: .hostname("127.0.0.1", port: 0),
                    logger: logger,
                    onServerRunning: onServerRunning
                )
            } _: { own, _ in
                let metrics = try await own.metrics()
                #expect(metrics[#"chat_http_requests_total{method="-",route="-",status="404"}"#] == 1)
                #expect(metrics[#"chat_build_info{version="0.1.0",database="sqlite"}"#] == 1)
                #expect(try await own.send("GET", "/chats/").status == 401)
            }
        }
    }

    @Test func `batches of writes are measured`() async throws {
        let metrics = MetricRegistry()
        let observe = metrics.writeObserver()
        try await withSQLite(.memory, onBatch: observe) { store in
            try await withServer(store, metrics: metrics) { client in
                try await client.createChats()
                try await client.post("a", "b")
                let metrics = try await client.metrics()
                // The purge of deleted chats also writes.
                let count = metrics["chat_write_batch_requests_count"] ?? 0
                #expect(count >= 3)
                #expect((metrics["chat_write_batch_requests_sum"] ?? 0) >= count)
                #expect(metrics["chat_write_transaction_duration_seconds_count"] == count)
                #expect((metrics["chat_write_transaction_duration_seconds_sum"] ?? 0) > 0)
                #expect(metrics["chat_write_transactions_failed_total"] == 0)
                #expect(metrics["chat_write_queue_requests"] == 0)
            }
        }
    }
}

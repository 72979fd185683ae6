import ChatDomain
import ChatLive
import HTTPConnections
import OpenMetrics

/// Reads what the parts of the service know anyway.
struct ServiceMetrics<Store: ObservableStore>: Sendable {
    let store: Store
    let hub: EventHub
    let admissions: StreamAdmissions
    let reads: ReadBudget
    let connections: ConnectionSlots
    let maximumConnections: Int
    let maximumStreams: Int

    @Sendable func observations() async -> [Observation] {
        var observations = [
            Observation(info: .build, [("version", ServiceVersion.text), ("database", store.kind.rawValue)]),
            Observation(.connections, connections.count),
            Observation(.maximumConnections, maximumConnections),
            Observation(.maximumStreams, maximumStreams),
            Observation(.writeQueue, store.writeLoad.waiting),
        ]
        observations += admissions.counts.map { Observation(.streams, $1, [("transport", $0.rawValue)]) }
        let deliveries = await hub.load()
        observations += [
            Observation(.stalledStreams, deliveries.stalled),
            Observation(.streamLag, deliveries.lag),
            Observation(.longestStreamLag, deliveries.longestLag),
            Observation(.streamEvents, deliveries.sent),
            Observation(.slowStreams, deliveries.disconnected),
        ]
        return observations + databaseObservations()
    }

    private func databaseObservations() -> [Observation] {
        let load = store.databaseLoad
        var observations = [
            Observation(.readQueue, load.waitingReads, [("queue", "batch")]),
            Observation(.readQueue, reads.waitingCount, [("queue", "memory")]),
            Observation(.readQueue, load.waitingSearches, [("queue", "search")]),
        ]
        for pool in load.pools {
            let labels = [("pool", pool.name)]
            observations += [
                Observation(.poolConnections, pool.inUse, labels),
                Observation(.poolSize, pool.size, labels),
                Observation(.poolWaiting, pool.waiting, labels),
            ]
        }
        if let log = load.writeAheadLog {
            observations += [
                Observation(.writeAheadLog, log.bytes),
                Observation(.checkpoints, log.checkpoints),
                Observation(.failedCheckpoints, log.failedCheckpoints),
            ]
        }
        return observations
    }
}

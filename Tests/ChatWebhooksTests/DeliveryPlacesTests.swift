import ChatDomain
import ChatWebhooks
import Testing

@Suite struct DeliveryPlacesTests {
    private func ids(_ range: ClosedRange<Int64>) -> [WebhookID] {
        range.map(WebhookID.init(rawValue:))
    }

    /// Takes as many places as there are.
    private func fill(_ places: inout DeliveryPlaces, _ id: WebhookID) -> Int {
        var count = 0
        while places.take(id) { count += 1 }
        return count
    }

    @Test func `one webhook gets at most its share`() {
        var places = DeliveryPlaces()
        places.share(among: Set(ids(1...1)))
        let taken = fill(&places, ids(1...1)[0])
        #expect(taken == DeliveryPlaces.perWebhook)
    }

    @Test func `slow webhooks leave a place for every other one`() {
        var places = DeliveryPlaces()
        let ids = ids(1...30)
        places.share(among: Set(ids))
        let taken = ids[..<5].map { fill(&places, $0) }
        #expect(taken[0] == DeliveryPlaces.perWebhook)
        let others = ids[5...].map { places.take($0) }
        #expect(!others.contains(false))
        #expect(taken.reduce(0, +) + 25 <= DeliveryPlaces.total)
    }

    @Test func `there are never more requests than places`() {
        var places = DeliveryPlaces()
        let ids = ids(1...100)
        places.share(among: Set(ids))
        let taken = ids.map { fill(&places, $0) }
        #expect(taken.reduce(0, +) == DeliveryPlaces.total)
    }

    @Test func `a webhook without responses has one place until it responds`() {
        var places = DeliveryPlaces()
        let id = ids(1...1)[0]
        places.share(among: [id])
        var taken = [places.take(id) ? 1 : 0]
        for responded in [false, nil, true] {
            places.giveBack(id, responded: responded)
            taken.append(fill(&places, id))
        }
        #expect(taken == [1, 1, 1, DeliveryPlaces.perWebhook])
    }

    @Test func `webhooks without responses leave places for all others`() {
        var places = DeliveryPlaces()
        let ids = ids(1...100)
        places.share(among: Set(ids))
        let silent = ids[..<99]
        for id in silent.prefix(DeliveryPlaces.total) {
            let isTaken = places.take(id)
            #expect(isTaken)
        }
        for id in silent.prefix(DeliveryPlaces.total) {
            places.giveBack(id, responded: false)
        }
        for id in silent.dropFirst(DeliveryPlaces.total) {
            let isTaken = places.take(id)
            #expect(isTaken)
            places.giveBack(id, responded: false)
        }
        let held = silent.map { fill(&places, $0) }.reduce(0, +)
        #expect(held == DeliveryPlaces.total - DeliveryPlaces.reserve)
        let taken = fill(&places, ids[99])
        #expect(taken == DeliveryPlaces.perWebhook)
    }

    @Test func `the next place goes to the webhook with the fewest`() {
        var places = DeliveryPlaces()
        let ids = ids(1...3)
        places.share(among: Set(ids))
        for id in [ids[0], ids[0], ids[1]] {
            _ = places.take(id)
        }
        #expect(places.next(of: ids) == ids[2])
        #expect(places.next(of: ids[..<2]) == ids[1])
        _ = places.take(ids[1])
        #expect(places.next(of: ids[..<2]) == ids[0])
        #expect(places.next(of: []) == nil)
    }
}

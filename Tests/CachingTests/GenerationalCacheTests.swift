import Caching
import Testing

@Suite struct GenerationalCacheTests {
    @Test func `a value is replaced by its successor`() {
        var cache = GenerationalCache<Int, String>(maximumCost: 100)
        cache.insert("a", for: 1, cost: 10)
        cache.insert("b", for: 1, cost: 20)
        let value = cache.value(for: 1)
        #expect(value == "b")
        #expect(cache.count == 1)
    }

    @Test func `unused values are evicted and the cost is bounded`() {
        var cache = GenerationalCache<Int, Int>(maximumCost: 100)
        cache.insert(0, for: 0, cost: 10)
        for number in 1...1_000 {
            cache.insert(number, for: number, cost: 10)
            let used = cache.value(for: 0)
            #expect(used == 0)
            #expect(cache.count <= 10)
        }
        let newest = cache.value(for: 1_000)
        let oldest = cache.value(for: 1)
        #expect(newest == 1_000)
        #expect(oldest == nil)
    }

    @Test func `a value that costs more than half of the maximum is not kept`() {
        var cache = GenerationalCache<Int, Int>(maximumCost: 100)
        cache.insert(1, for: 1, cost: 51)
        #expect(cache.count == 0)
        var off = GenerationalCache<Int, Int>(maximumCost: 0)
        off.insert(1, for: 1, cost: 1)
        #expect(off.count == 0)
    }

    @Test func `a cache is empty after its values were removed`() {
        var cache = GenerationalCache<Int, Int>(maximumCost: 100)
        for number in 1...8 {
            cache.insert(number, for: number, cost: 10)
        }
        cache.removeAll()
        #expect(cache.count == 0)
        let value = cache.value(for: 8)
        #expect(value == nil)
    }
}

import ChatAPI
import ChatLive
import ChatPages
import ChatTestSupport
import HTTPTypes
import Testing

/// The guide for programs that write a client: `/llms.txt`.
struct GuideTests {
    @Test func `the guide has a line for every operation, and fits on one page`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let service = ChatService(store: InterceptedStore(store), documentationAssets: nil, servesPages: false)
            let guide = try #require(PageFile.all.first { $0.path == "/llms.txt" })
            let lines = String(decoding: guide.content, as: UTF8.self).split(
                separator: "\n",
                omittingEmptySubsequences: false
            )
            #expect(lines.count <= 201)
            for route in await service.routes(hub: EventHub(store)) {
                let start = "- \(route.method.rawValue) \(route.path) "
                let matching = lines.filter { $0.hasPrefix(start) }
                #expect(matching.count == 1, "\(start)")
            }
        }
    }
}

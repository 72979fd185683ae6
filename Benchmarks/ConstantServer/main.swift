// A baseline for the cost of the HTTP stack: one route with a constant response, as large as the service's
// /health/live, and Hummingbird's defaults. It logs its port.

import Hummingbird

let body = ByteBuffer(string: #"{"status":"ok"}"#)
let router = Router()
router.get("constant") { _, _ in
    Response(status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: body))
}
let application = Application(
    router: router,
    configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0))
)
try await application.runService()

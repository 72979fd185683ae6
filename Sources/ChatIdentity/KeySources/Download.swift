import CLibCurl

/// Downloads small documents with libcurl, over HTTPS, or over HTTP from this machine.
struct Download {
    /// The connection, the request and the response together may take this long, in milliseconds.
    var timeout = 5_000
    /// In bytes.
    var maximumSize = 1 << 20
    /// A PEM file to trust instead of libcurl's; nil for none.
    var certificateAuthorities: String?

    /// Blocks the thread until the document is complete.
    ///
    /// It follows no redirect: the address decides whom the service trusts.
    func bytes(from address: KeySetAddress) throws(KeySourceError.Reason) -> [UInt8] {
        guard let handle = curl_easy_init() else { throw .other("libcurl does not start") }
        defer { curl_easy_cleanup(handle) }
        let body = Body(maximumSize: maximumSize)
        let context = Unmanaged.passUnretained(body)
        let options: [CURLcode] = [
            chat_curl_set_string(handle, CURLOPT_URL, address.text),
            chat_curl_set_string(handle, CURLOPT_PROTOCOLS_STR, address.isEncrypted ? "https" : "http"),
            chat_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0),
            chat_curl_set_long(handle, CURLOPT_SSL_VERIFYPEER, 1),
            chat_curl_set_long(handle, CURLOPT_SSL_VERIFYHOST, 2),
            chat_curl_set_long(handle, CURLOPT_TIMEOUT_MS, timeout),
            // Signals would interrupt other threads.
            chat_curl_set_long(handle, CURLOPT_NOSIGNAL, 1),
            chat_curl_set_string(handle, CURLOPT_USERAGENT, "chat-api"),
            // A proxy must not see requests to this machine.
            address.isEncrypted ? CURLE_OK : chat_curl_set_string(handle, CURLOPT_PROXY, ""),
            certificateAuthorities.map { chat_curl_set_string(handle, CURLOPT_CAINFO, $0) } ?? CURLE_OK,
            chat_curl_set_writer(handle, append, context.toOpaque()),
        ]
        guard options.allSatisfy({ $0 == CURLE_OK }) else { throw .other("libcurl lacks an option") }
        let code = withExtendedLifetime(body) { curl_easy_perform(handle) }
        if body.isTooLarge { throw .other("the response is larger than \(maximumSize) bytes") }
        guard code == CURLE_OK else { throw .other(String(cString: curl_easy_strerror(code))) }
        let status = chat_curl_status(handle)
        guard status == 200 else { throw .other("the response has the status \(status)") }
        return body.bytes
    }
}

private final class Body {
    let maximumSize: Int
    var bytes: [UInt8] = []
    var isTooLarge = false

    init(maximumSize: Int) {
        self.maximumSize = maximumSize
    }
}

/// Returns how many bytes it took; libcurl gives up if that is fewer than it received.
private func append(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let bytes, let context else { return 0 }
    let body = Unmanaged<Body>.fromOpaque(context).takeUnretainedValue()
    guard body.bytes.count + count <= body.maximumSize else {
        body.isTooLarge = true
        return 0
    }
    body.bytes += UnsafeRawBufferPointer(start: bytes, count: count)
    return count
}

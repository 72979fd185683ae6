import Hashing

/// A file of the pages that people open in a browser, or the client that the pages and other applications use.
///
/// All files are part of the binary.
package struct PageFile: Sendable {
    /// The path under the root of the service, such as `/client.js`.
    package let path: String
    package let mediaType: MediaType
    package let content: [UInt8]
    /// Changes with the content: 16 hexadecimal digits.
    package let version: String

    private init(path: String, mediaType: MediaType, content: [UInt8]) {
        self.path = path
        self.mediaType = mediaType
        self.content = content
        var hash = StableHash()
        for byte in content {
            hash.combine(byte)
        }
        version = hash.digits
    }

    /// The kinds of files.
    package enum MediaType: String, Sendable {
        case page = "text/html; charset=utf-8"
        case script = "text/javascript; charset=utf-8"
        case style = "text/css; charset=utf-8"
        case image = "image/svg+xml"
        case text = "text/plain; charset=utf-8"
    }

    /// Fills in what a page leaves to the server; other files have nothing to fill in.
    ///
    /// - Parameters:
    ///   - root: The relative reference from the page to the root of the service.
    ///   - isOpen: Whether requests need no credential.
    ///   - embedders: The origins whose pages may embed the page.
    package func filledIn(root: String, isOpen: Bool, embedders: [String] = []) -> PageFile {
        guard mediaType == .page else { return self }
        let html = String(decoding: content, as: UTF8.self)
            .replacing("{{root}}", with: root)
            .replacing("{{access}}", with: isOpen ? "open" : "required")
            .replacing("{{embedders}}", with: embedders.joined(separator: " "))
        return PageFile(path: path, mediaType: mediaType, content: Array(html.utf8))
    }

    /// One chat for a frame of another page.
    package static let embedded = PageFile(
        path: "/embed/chat/{chat_id}",
        mediaType: .page,
        content: PackageResources.embed_html
    )

    /// Every file that is served by any server; only one with embedders serves `embedded`.
    package static let all = [
        PageFile(path: "/", mediaType: .page, content: PackageResources.index_html),
        PageFile(path: "/chat", mediaType: .page, content: PackageResources.chat_html),
        PageFile(path: "/admin", mediaType: .page, content: PackageResources.admin_html),
        PageFile(path: "/llms.txt", mediaType: .text, content: PackageResources.llms_txt),
        PageFile(path: "/client.js", mediaType: .script, content: PackageResources.client_js),
        // No media type says TypeScript, and browsers do not load it.
        PageFile(path: "/client.d.ts", mediaType: .text, content: PackageResources.client_d_ts),
        PageFile(path: "/pages/admin.css", mediaType: .style, content: PackageResources.admin_css),
        PageFile(path: "/pages/admin.js", mediaType: .script, content: PackageResources.admin_js),
        PageFile(path: "/pages/admin-chats.js", mediaType: .script, content: PackageResources.admin_chats_js),
        PageFile(path: "/pages/admin-dialogs.js", mediaType: .script, content: PackageResources.admin_dialogs_js),
        PageFile(path: "/pages/admin-keys.js", mediaType: .script, content: PackageResources.admin_keys_js),
        PageFile(path: "/pages/admin-log.js", mediaType: .script, content: PackageResources.admin_log_js),
        PageFile(path: "/pages/admin-operator.js", mediaType: .script, content: PackageResources.admin_operator_js),
        PageFile(path: "/pages/admin-server.js", mediaType: .script, content: PackageResources.admin_server_js),
        PageFile(path: "/pages/admin-streams.js", mediaType: .script, content: PackageResources.admin_streams_js),
        PageFile(path: "/pages/admin-view.js", mediaType: .script, content: PackageResources.admin_view_js),
        PageFile(path: "/pages/admin-webhook.js", mediaType: .script, content: PackageResources.admin_webhook_js),
        PageFile(path: "/pages/admin-webhooks.js", mediaType: .script, content: PackageResources.admin_webhooks_js),
        PageFile(path: "/pages/chat.css", mediaType: .style, content: PackageResources.chat_css),
        PageFile(path: "/pages/chat.js", mediaType: .script, content: PackageResources.chat_js),
        PageFile(path: "/pages/chat-list.js", mediaType: .script, content: PackageResources.chat_list_js),
        PageFile(path: "/pages/composer.js", mediaType: .script, content: PackageResources.composer_js),
        PageFile(path: "/pages/conversation.js", mediaType: .script, content: PackageResources.conversation_js),
        PageFile(path: "/pages/dialogs.js", mediaType: .script, content: PackageResources.dialogs_js),
        PageFile(path: "/pages/dom.js", mediaType: .script, content: PackageResources.dom_js),
        PageFile(path: "/pages/drafts.js", mediaType: .script, content: PackageResources.drafts_js),
        PageFile(path: "/pages/embed.js", mediaType: .script, content: PackageResources.embed_js),
        PageFile(path: "/pages/icon.svg", mediaType: .image, content: PackageResources.icon_svg),
        PageFile(path: "/pages/index.css", mediaType: .style, content: PackageResources.index_css),
        PageFile(path: "/pages/index.js", mediaType: .script, content: PackageResources.index_js),
        PageFile(path: "/pages/message.js", mediaType: .script, content: PackageResources.message_js),
        PageFile(path: "/pages/page.css", mediaType: .style, content: PackageResources.page_css),
        PageFile(path: "/pages/pending.js", mediaType: .script, content: PackageResources.pending_js),
        PageFile(path: "/pages/people.js", mediaType: .script, content: PackageResources.people_js),
        PageFile(path: "/pages/plug.js", mediaType: .script, content: PackageResources.plug_js),
        PageFile(path: "/pages/problems.js", mediaType: .script, content: PackageResources.problems_js),
        PageFile(path: "/pages/session.js", mediaType: .script, content: PackageResources.session_js),
        PageFile(path: "/pages/time.js", mediaType: .script, content: PackageResources.time_js),
    ]
}

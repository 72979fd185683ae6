// The types of the AI SDK (the package `ai`, version 5), as far as the example uses them.

declare module "ai" {
    export type UIMessagePart = { type: "text"; text: string } | { type: "step-start" };

    export interface UIMessage {
        id: string;
        role: "system" | "user" | "assistant";
        metadata?: unknown;
        parts: UIMessagePart[];
    }

    export type UIMessageChunk =
        | { type: "start"; messageId?: string; messageMetadata?: unknown }
        | { type: "text-start"; id: string }
        | { type: "text-delta"; id: string; delta: string }
        | { type: "text-end"; id: string }
        | { type: "error"; errorText: string }
        | { type: "abort" }
        | { type: "finish"; messageMetadata?: unknown };

    export interface ChatRequestOptions {
        headers?: Record<string, string> | Headers;
        body?: object;
        metadata?: unknown;
    }

    export interface ChatTransport<UI_MESSAGE extends UIMessage> {
        sendMessages: (
            options: {
                trigger: "submit-message" | "regenerate-message";
                chatId: string;
                messageId: string | undefined;
                messages: UI_MESSAGE[];
                abortSignal: AbortSignal | undefined;
            } & ChatRequestOptions,
        ) => Promise<ReadableStream<UIMessageChunk>>;
        reconnectToStream: (
            options: { chatId: string } & ChatRequestOptions,
        ) => Promise<ReadableStream<UIMessageChunk> | null>;
    }
}

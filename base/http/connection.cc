#include "base/http/connection.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <cstddef>
#include <exception>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/http/message.h"

namespace mirror {
namespace {

using Refusal = std::pair<int, std::string>;

std::size_t Count(const HttpHead& head, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(head.fields.begin(), head.fields.end(),
                                                [name](const auto& field) { return field.first == name; }));
}

/// Returns true if a length is one number. It is false for a list of equal numbers: the parser accepts such a
/// list, but other programs use its first number, or none.
bool IsOneNumber(std::string_view length) {
  return !length.empty() && std::all_of(length.begin(), length.end(), absl::ascii_isdigit);
}

/// Returns the status and message with which a request is refused. Refused are requests that another program,
/// such as a proxy, may read differently, and requests that this listener does not support. Absent: the
/// request is accepted. `version`: 10 or 11.
std::optional<std::pair<int, std::string>> WhyUnfit(const HttpHead& head, unsigned version) {
  if (version > 11) return Refusal(505, "This port speaks HTTP/1.1.");
  // An HTTP/1.0 request may have no Host.
  if (const std::size_t hosts = Count(head, "host"); hosts > 1 || (hosts == 0 && version == 11))
    return Refusal(400, "A request names its Host once.");
  if (!head.path.starts_with('/')) return Refusal(400, "A request's target begins with '/'.");
  for (const HttpField& field : kHttpFields) {
    if (!field.may_repeat && Count(head, field.name) > 1)
      return Refusal(400, absl::StrCat("A request has one ", std::string(field.shown), "."));
  }
  const std::string* const length = head.Find(HttpFieldName::kContentLength);
  if (length != nullptr && !IsOneNumber(*length)) return Refusal(400, "A Content-Length is one number.");
  if (const std::string* const encoding = head.Find(HttpFieldName::kTransferEncoding)) {
    if (!absl::EqualsIgnoreCase(*encoding, "chunked") || version < 11 || length != nullptr)
      return Refusal(400, "The only Transfer-Encoding is 'chunked', without a Content-Length.");
  }
  const std::string* const content = head.Find(HttpFieldName::kContentEncoding);
  if (content != nullptr && !content->empty() && !absl::EqualsIgnoreCase(*content, "identity"))
    return Refusal(415, "A body is sent as it is, without a Content-Encoding.");
  const std::string* const expects = head.Find(HttpFieldName::kExpect);
  if (expects != nullptr && !expects->empty() && !absl::EqualsIgnoreCase(*expects, "100-continue"))
    return Refusal(417, "The only Expect is '100-continue'.");
  return std::nullopt;
}

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

/// Greatest number of bytes that are read after a refusal. If data of the client stayed unread, the kernel
/// could drop the answer.
constexpr std::size_t kDrainedBytesMax = 64 << 10;
constexpr std::chrono::seconds kDrainTime{1};
constexpr std::size_t kPieceBytes = 64 << 10;
constexpr char kLateBody[] = "The body did not come in time. Nothing was done. Send the request again.";
constexpr char kNoRoom[] =
    "Other requests, whose bodies are arriving or which wait for their turn, use all memory for requests. "
    "Nothing was done. Send the request again later.";

/// Greatest number of bytes of chunk extensions in one body. They are not used.
constexpr std::size_t kChunkExtensionBytesMax = 1'024;

/// Refuses a chunked body whose extensions together exceed kChunkExtensionBytesMax.
struct ChunkWatch {
  std::size_t extension_bytes = 0;
  void operator()(std::uint64_t /*size*/, beast::string_view extensions, error_code& error) {
    extension_bytes += extensions.size();
    if (extension_bytes > kChunkExtensionBytesMax) error = http::error::bad_chunk_extension;
  }
};

bool IsOfHttp(const error_code& error) {
  return error.category() == make_error_code(http::error::bad_method).category();
}

using Parser = http::request_parser<http::buffer_body>;

/// Returns the head of a request whose header was read. `peer`: address of the client.
HttpHead HeadOf(const Parser& parser, const std::string& peer) {
  const http::request_header<>& request = parser.get();
  const auto target = std::string(request.target());
  const std::size_t mark = std::min(target.find('?'), target.size());
  HttpHead head;
  head.method = std::string(request.method_string());
  head.path = target.substr(0, mark);
  head.query = mark < target.size() ? target.substr(mark + 1) : "";
  for (const auto& field : request) {
    head.fields.emplace_back(absl::AsciiStrToLower(std::string(field.name_string())),
                             std::string(field.value()));
  }
  if (const auto length = parser.content_length()) head.content_length = *length;
  head.has_body = parser.chunked() || head.content_length.value_or(0) > 0;
  head.peer = peer;
  head.came = Clock::now();
  return head;
}

/// Detects a body that comes too late. The stream's own deadline cannot be used: it would close the
/// connection without an answer. Threads: one, the listener's.
class BodyWatch {
 public:
  explicit BodyWatch(const asio::any_io_executor& executor) : timer_(executor) {}

  /// Begins with a body. It must be complete after the time `in_all`, and no piece may take longer than
  /// `pause`.
  void Begin(std::chrono::seconds pause, std::chrono::seconds in_all) {
    pause_ = pause;
    until_ = Clock::now() + std::max(pause, in_all);
  }
  /// Begins the wait for a piece. If the piece is late, calls `cancel`, which must keep this object alive.
  template <class Cancel>
  void Await(Cancel cancel) {
    is_late_ = false;
    const std::uint64_t piece = ++pieces_;
    timer_.expires_at(std::min(Clock::now() + pause_, until_));
    timer_.async_wait([this, piece, cancel](const error_code& cancelled) {
      // The piece may have come after the timer's callback was queued.
      if (cancelled || piece != pieces_) return;
      is_late_ = true;
      cancel();
    });
  }
  /// Ends the wait for a piece. Returns true if the piece or the body was late. The body is checked here,
  /// too, because the timer never fires if the body arrives in many small pieces.
  bool End() {
    ++pieces_;
    timer_.cancel();
    return std::exchange(is_late_, false) || Clock::now() >= until_;
  }

 private:
  asio::steady_timer timer_;
  std::chrono::seconds pause_{};
  Clock::time_point until_;
  std::uint64_t pieces_ = 0;
  bool is_late_ = false;
};

/// Returns true if the peer has closed the connection, or has closed its sending direction, which no reader
/// of a stream does. With TLS there may be bytes before the end.
bool HasPeerLeft(tcp::socket& socket) {
  pollfd peer{.fd = socket.native_handle(), .events = POLLRDHUP, .revents = 0};
  return poll(&peer, 1, 0) > 0;
}

/// Destroys a sink or a source in a thread of the pool. The destructor of a source may wait for something
/// else, and that of a sink may have to remove a large file.
void LetGoOf(std::shared_ptr<void> ended, HttpTurns& turns) {
  if (ended == nullptr) return;
  turns.Ask("", [ended = std::move(ended), &turns]() mutable {
    ended.reset();
    turns.GiveBack("");
  });
}
void LetGoOf(HttpAdmission ended, HttpTurns& turns) {
  if (ended.sink != nullptr) LetGoOf(std::make_shared<HttpAdmission>(std::move(ended)), turns);
}

template <class Stream>
class ConnectionOf final : public HttpConnection, public std::enable_shared_from_this<ConnectionOf<Stream>> {
  static constexpr bool kTls = !std::is_same_v<Stream, beast::tcp_stream>;

  /// Runs a step of a connection. If the step runs out of memory, only this connection ends.
  template <class Step>
  auto Guarded(Step step) {
    return [self = this->shared_from_this(), step](const auto&... results) {
      try {
        step(*self, results...);
      } catch (const std::exception&) {
        self->Leave();
      }
    };
  }

  /// Returns a handler that calls `next` if the step before has succeeded.
  auto Then(void (ConnectionOf::*next)()) {
    return Guarded([next](ConnectionOf& self, const error_code& error, const auto&...) {
      if (error) return self.Leave();
      (self.*next)();
    });
  }

 public:
  template <class... Arguments>
  ConnectionOf(HttpConnectionHost& host, Arguments&&... arguments)
      : host_(host),
        stream_(std::forward<Arguments>(arguments)...),
        body_watch_(stream_.get_executor()),
        buffer_(host.limits().header_bytes_max + kPieceBytes),
        body_(host.body_room()) {
    error_code ignored;
    const tcp::endpoint peer = Lowest().socket().remote_endpoint(ignored);
    const bool v6 = peer.address().is_v6();
    peer_ = absl::StrCat(v6 ? "[" : "", peer.address().to_string(ignored), v6 ? "]" : "", ":", peer.port());
  }

  void Run() override {
    if constexpr (kTls) {
      Lowest().expires_after(host_.limits().request_time);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              Guarded([](ConnectionOf& self, const error_code& error) {
                                if (error) return self.Leave();
                                self.Await(self.host_.limits().request_time);
                              }));
    } else {
      Await(host_.limits().request_time);
    }
  }

  void Close() override { Lowest().close(); }

 private:
  auto& Lowest() { return beast::get_lowest_layer(stream_); }
  const HttpLimits& limits() const { return host_.limits(); }

  // --- The request ---

  /// Waits for the first byte of the next request.
  void Await(std::chrono::seconds within) {
    if (host_.is_stopping()) return Leave();
    if (buffer_.size() > 0) return ReadHead();
    Lowest().expires_after(within);
    stream_.async_read_some(buffer_.prepare(limits().header_bytes_max),
                            Guarded([](ConnectionOf& self, const error_code& error, std::size_t bytes) {
                              if (error) return self.Leave();
                              self.buffer_.commit(bytes);
                              self.ReadHead();
                            }));
  }

  void ReadHead() {
    parser_.emplace();
    chunks_ = {};
    parser_->on_chunk_header(chunks_);
    call_ = 0;
    asker_.clear();
    weight_ = 1;
    parser_->header_limit(static_cast<std::uint32_t>(limits().header_bytes_max));
    // The door checks the length. (Beast 1.74 treats "none" as 0.)
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    Lowest().expires_after(limits().request_time);
    http::async_read_header(
        stream_, buffer_, *parser_,
        Guarded([](ConnectionOf& self, const error_code& error, std::size_t) { self.HaveHead(error); }));
  }

  void HaveHead(const error_code& error) {
    head_.came = Clock::now();
    // No answer is possible if the peer has closed the connection, is too late, or was disconnected.
    const bool readable = !error || IsOfHttp(error);
    if (!readable || error == http::error::end_of_stream || error == http::error::partial_message)
      return Leave();
    is_whole_ = false;
    is_head_ = !error && parser_->get().method() == http::verb::head;
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return Refuse(431, "The header is too large.");
    if (error) return Refuse(400, "This is not an HTTP request.");
    head_ = HeadOf(*parser_, peer_);
    is_whole_ = !head_.has_body;
    if (const auto unfit = WhyUnfit(head_, parser_->get().version())) {
      is_whole_ = false;
      return Refuse(unfit->first, unfit->second);
    }
    Admit();
  }

  void Admit() {
    try {
      admission_ = host_.door().Admit(head_);
    } catch (const std::exception&) {
      return Refuse(500, "The answer could not be made.");
    }
    call_ = admission_.call;
    if (admission_.refusal) return Write(*std::move(admission_.refusal));
    asker_ = admission_.asker;
    weight_ = admission_.weight;
    if (!asker_.empty() && !std::exchange(is_known_, true)) host_.Knows(*this);
    if (head_.has_body &&
        admission_.body_bytes_max < std::max<std::uint64_t>(1, head_.content_length.value_or(1)))
      return RefuseBody(413);
    if (admission_.sink == nullptr && !host_.body_room().Has(asker_, head_.content_length.value_or(0)))
      return RefuseBody(503);
    has_asked_ = !asker_.empty() || !head_.has_body;
    if (!head_.has_body) return Ask();
    is_taking_body_ = true;
    body_bytes_ = 0;
    body_watch_.Begin(limits().body_time,
                      admission_.sink == nullptr ? limits().body_time : limits().sink_time);
    if (head_.Find(HttpFieldName::kExpect) == nullptr) return ReadBody();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    Lowest().expires_after(limits().answer_time);
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      Then(&ConnectionOf::ReadBody));
  }

  void ReadBody() {
    piece_.resize(kPieceBytes);
    parser_->get().body().data = piece_.data();
    parser_->get().body().size = piece_.size();
    Lowest().expires_never();
    body_watch_.Await([self = this->shared_from_this()] { self->Lowest().cancel(); });
    http::async_read_some(
        stream_, buffer_, *parser_,
        Guarded([](ConnectionOf& self, const error_code& error, std::size_t) { self.HaveBody(error); }));
  }

  void HaveBody(const error_code& error) {
    const bool is_late = body_watch_.End(), is_there = !error && parser_->is_done();
    if (is_late && !is_there) return Refuse(408, kLateBody);
    const bool is_bad = error && error != http::error::need_buffer;
    if (is_bad && (!IsOfHttp(error) || error == http::error::partial_message)) return Leave();
    if (is_bad) return Refuse(400, "The body does not match its header.");
    piece_.resize(piece_.size() - parser_->get().body().size);
    body_bytes_ += piece_.size();
    if (body_bytes_ > admission_.body_bytes_max) return RefuseBody(413);
    is_whole_ = parser_->is_done();
    is_taking_body_ = !is_whole_;
    if (admission_.sink != nullptr) return piece_.empty() ? GoOnReading() : Sink();
    if (!body_.Append(asker_, piece_)) return RefuseBody(503);
    GoOnReading();
  }

  void GoOnReading() {
    if (!is_whole_) return ReadBody();
    Ask();
  }

  /// Sends the received data to the door's sink.
  void Sink() {
    Do([self = this->shared_from_this()] {
      absl::Status taken;
      try {
        taken = self->admission_.sink->Write(self->piece_);
      } catch (const std::exception&) {
        taken = absl::InternalError("The body could not be processed.");
      }
      if (!taken.ok()) self->admission_ = {};
      self->Back([self, taken] {
        self->GiveTurnBack();
        if (taken.ok()) return self->GoOnReading();
        self->is_whole_ = false;
        self->Refuse(HttpStatusOf(taken), std::string(taken.message()));
      });
    });
  }

  // --- The door's work, in a thread of the pool ---

  /// Runs `work` in a thread of the pool. `work` must end with a call of Back().
  template <class Work>
  void Do(Work work) {
    host_.turns().Ask(
        asker_, [guard = asio::make_work_guard(stream_.get_executor()), work] { work(); }, weight_);
  }
  template <class Step>
  void Back(Step step) {
    const auto guarded = [self = this->shared_from_this(), step] {
      self->has_turn_ = true;
      try {
        step();
      } catch (const std::exception&) {
        self->Leave();
      }
    };
    while (true) {
      try {
        return asio::post(stream_.get_executor(), guarded);
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
  }
  void GiveTurnBack() {
    if (std::exchange(has_turn_, false)) host_.turns().GiveBack(asker_, weight_);
  }

  void Ask() {
    has_asked_ = true;
    Do([self = this->shared_from_this()] {
      try {
        self->answer_ = self->admission_.answer(self->head_, self->body_.Take());
      } catch (const std::exception&) {
        self->answer_ = self->host_.door().Refuse(500, "The answer could not be made.");
      }
      self->admission_ = {};
      self->Back([self] { self->Write(std::move(self->answer_)); });
    });
  }

  // --- The answer ---

  void Refuse(int status, std::string_view words) { Write(host_.door().Refuse(status, words)); }
  /// Refuses a body. 413: the body is too long. 503: there is no memory for it.
  void RefuseBody(int status) {
    is_whole_ = false;
    if (status == 503) {
      host_.door().NoteNoRoom();
      return Refuse(status, kNoRoom);
    }
    Refuse(status, admission_.body_bytes_max == 0
                       ? std::string("This request takes no body.")
                       : absl::StrCat("The body is longer than ", admission_.body_bytes_max,
                                      " bytes. Nothing was done, and no part of it is kept."));
  }

  template <class Response>
  void SetHead(Response* response, const HttpAnswer& answer) {
    keeps_ = limits().keep_alive && is_whole_ && parser_->keep_alive() && !host_.is_stopping() &&
             !host_.IsOfCrowd(*this);
    response->version(11);
    response->result(static_cast<unsigned>(answer.status));
    if (!answer.content_type.empty()) response->set(http::field::content_type, answer.content_type);
    response->set(http::field::cache_control, "no-store");
    for (const auto& [name, value] : answer.fields) response->set(name, value);
    response->keep_alive(keeps_);
  }

  void Write(HttpAnswer answer) {
    is_writing_ = true;
    is_taking_body_ = false;
    body_.Take();
    LetGoOf(std::exchange(admission_, {}), host_.turns());
    host_.door().NoteAnswer(call_, answer.status, Clock::now() - head_.came);
    if (answer.stream != nullptr) return WriteStream(std::move(answer));
    response_.emplace();
    SetHead(&*response_, answer);
    const bool has_none = answer.status == 204 || answer.status == 304;
    if (!has_none) response_->content_length(answer.body.size());
    if (!is_head_ && !has_none) response_->body() = std::move(answer.body);
    Lowest().expires_after(limits().answer_time);
    serializer_.emplace(*response_);
    http::async_write(stream_, *serializer_, Then(&ConnectionOf::Written));
  }

  void WriteStream(HttpAnswer answer) {
    is_streaming_ = true;
    source_ = std::move(answer.stream);
    stream_until_ = Clock::now() + limits().stream_time;
    stream_head_.emplace();
    SetHead(&*stream_head_, answer);
    is_chunked_ = parser_->get().version() == 11;
    if (is_chunked_) {
      stream_head_->chunked(true);
    } else {
      // Without chunks, only the end of the connection marks the end of the stream.
      keeps_ = false;
      stream_head_->keep_alive(false);
    }
    Lowest().expires_after(limits().answer_time);
    stream_serializer_.emplace(*stream_head_);
    http::async_write_header(stream_, *stream_serializer_,
                             Then(is_head_ ? &ConnectionOf::Written : &ConnectionOf::NextPiece));
  }

  void NextPiece() {
    GiveTurnBack();
    // The stream is cut: the client does not get the last chunk.
    if (host_.is_stopping() || Clock::now() >= stream_until_) return Leave();
    Do([self = this->shared_from_this()] {
      absl::StatusOr<bool> more = absl::InternalError("");
      self->piece_.clear();
      try {
        more = self->source_->Next(&self->piece_);
      } catch (const std::exception&) {
        more = absl::InternalError("");
      }
      self->Back([self, more] { self->HavePiece(more); });
    });
  }

  void HavePiece(const absl::StatusOr<bool>& more) {
    GiveTurnBack();
    if (!more.ok()) return Leave();
    has_more_ = *more;
    if (piece_.empty()) {
      if (!has_more_) return EndStream();
      // Checks whether the peer has closed the connection. A write would detect that, too, but the stream may
      // have nothing to write for a long time, and others may need the place.
      return HasPeerLeft(Lowest().socket()) ? Leave() : NextPiece();
    }
    Lowest().expires_at(std::min(Clock::now() + limits().answer_time, stream_until_));
    const auto written = Guarded([](ConnectionOf& self, const error_code& error, std::size_t) {
      if (error) return self.Leave();
      if (self.has_more_) return self.NextPiece();
      self.EndStream();
    });
    if (is_chunked_) {
      asio::async_write(stream_, http::make_chunk(asio::buffer(piece_)), written);
    } else {
      asio::async_write(stream_, asio::buffer(piece_), written);
    }
  }

  void EndStream() {
    if (!is_chunked_) return Written();
    Lowest().expires_after(limits().answer_time);
    asio::async_write(stream_, http::make_chunk_last(), Then(&ConnectionOf::Written));
  }

  /// Releases the turn and the memory after the answer was sent, so that other requests can use them.
  void Written() {
    ForgetAnswer();
    GiveTurnBack();
    has_asked_ = is_writing_ = is_streaming_ = false;
    if (keeps_) {
      // Another request may already be in the buffer.
      if (buffer_.size() == 0) host_.Rests(*this);
      return Await(limits().idle_time);
    }
    if (host_.IsOfCrowd(*this)) {
      // The listener needs the place. If data of the client stays unread, the kernel may drop the answer.
      error_code ignored;
      Lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
      return Leave();
    }
    Lowest().expires_after(kDrainTime);
    if constexpr (kTls) {
      stream_.async_shutdown(Guarded([](ConnectionOf& self, const error_code&) { self.ReadOn(); }));
    } else {
      error_code ignored;
      Lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
      ReadOn();
    }
  }

  void ForgetAnswer() {
    serializer_.reset();
    response_.reset();
    stream_serializer_.reset();
    stream_head_.reset();
    LetGoOf(std::move(source_), host_.turns());
  }

  void ReadOn() {
    Lowest().async_read_some(asio::buffer(rest_),
                             Guarded([](ConnectionOf& self, const error_code& error, std::size_t bytes) {
                               self.drained_ += bytes;
                               if (error || self.drained_ >= kDrainedBytesMax) return self.Leave();
                               self.ReadOn();
                             }));
  }

  void Leave() {
    if (std::exchange(has_left_, true)) return;
    body_watch_.End();
    body_.Take();
    GiveTurnBack();
    Lowest().close();
    try {
      LetGoOf(std::exchange(admission_, {}), host_.turns());
      ForgetAnswer();
    } catch (const std::bad_alloc&) {
      // Out of memory: the sink or source was destroyed in this thread instead of one of the pool.
    }
    host_.Left(*this);
  }

  HttpConnectionHost& host_;
  Stream stream_;
  BodyWatch body_watch_;
  std::string peer_;
  beast::flat_buffer buffer_;
  ChunkWatch chunks_;  ///< The parser calls it.
  std::optional<Parser> parser_;
  HttpHead head_;
  HttpAdmission admission_;
  std::string asker_;       ///< Asker of the request, for its turns.
  std::size_t weight_ = 1;  ///< Weight of the request, for its turns.
  std::size_t call_ = 0;    ///< Number of the request's call, for the door.
  HttpKeptBody body_;
  std::string piece_;  ///< Data read from the body, or written to a stream.
  std::uint64_t body_bytes_ = 0;
  Clock::time_point stream_until_;
  HttpAnswer answer_;  ///< Set by a thread of the pool.
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  std::optional<http::response<http::empty_body>> stream_head_;
  std::optional<http::response_serializer<http::empty_body>> stream_serializer_;
  std::unique_ptr<HttpBodySource> source_;
  std::array<char, 4'096> rest_{};
  std::size_t drained_ = 0;
  bool is_whole_ = false;  ///< The request was read completely.
  bool is_head_ = false, is_chunked_ = false, has_more_ = false;
  bool keeps_ = false;  ///< Another request may follow.
  bool has_turn_ = false, has_left_ = false;
};

}  // namespace

std::shared_ptr<HttpConnection> MakeHttpConnection(HttpConnectionHost& host, tcp::socket socket,
                                                   std::shared_ptr<asio::ssl::context> tls) {
  if (tls == nullptr) return std::make_shared<ConnectionOf<beast::tcp_stream>>(host, std::move(socket));
  return std::make_shared<ConnectionOf<beast::ssl_stream<beast::tcp_stream>>>(host, std::move(socket), *tls);
}

}  // namespace mirror

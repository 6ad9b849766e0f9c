#include "client/source/postgres/log_stream.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/copy.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/lsn.h"
#include "base/db/postgres/name.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/source/postgres/log_words.h"
#include "client/source/postgres/replication_slot.h"

namespace mirror {
namespace {

using std::chrono::milliseconds;
using StreamClock = std::chrono::steady_clock;

constexpr char kReadingLog[] = "reading the source's log";
constexpr milliseconds kAnswersMin{50};
constexpr milliseconds kAnswersMax{10'000};
constexpr milliseconds kSlotAskedEvery{50};
/// 'w', start position, end position, time of sending; then the plugin's data.
constexpr std::size_t kDataHeader = 25;
/// 'k', the server's position, time of sending, whether it wants an answer.
constexpr std::size_t kKeepaliveBytes = 18;
/// Microseconds between 1970 and 2000.
constexpr std::int64_t kStreamEpoch = 946'684'800'000'000;

std::uint64_t LsnAt(std::string_view message, std::size_t at) {
  return static_cast<std::uint64_t>(postgres::ReadInt(message.substr(at, 8)));
}

/// `asks`: the server answers at once.
std::string StatusUpdate(std::uint64_t written, std::uint64_t flushed, bool asks = false) {
  const std::int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  std::string update = "r";
  postgres::AppendNumber(update, written);
  postgres::AppendNumber(update, flushed);
  postgres::AppendNumber(update, flushed);
  postgres::AppendNumber(update, now - kStreamEpoch);
  postgres::AppendNumber(update, static_cast<std::int8_t>(asks ? 1 : 0));
  return update;
}

/// The protocol's own quoting: it has no escapes.
std::string InQuotes(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

class SlotStream final : public LogStream {
 public:
  SlotStream(std::unique_ptr<postgres::Connection> connection, LogServer server, std::string slot,
             std::string publication)
      : connection_(std::move(connection)),
        server_(std::move(server)),
        slot_(std::move(slot)),
        publication_(std::move(publication)) {}
  ~SlotStream() override {
    {
      const MutexLock lock(mutex_);
      ends_ = true;
      end_.NotifyAll();
    }
    if (answerer_.joinable()) answerer_.join();
  }

  absl::Status Start(std::uint64_t from, milliseconds slot_within);

  const LogServer& server() const override { return server_; }
  absl::StatusOr<std::optional<std::string_view>> Next(milliseconds within) override MIRROR_EXCLUDES(mutex_);
  absl::Status Confirm(std::uint64_t lsn) override MIRROR_EXCLUDES(mutex_);
  absl::Status AskEnd() override MIRROR_EXCLUDES(mutex_);
  std::uint64_t received() const override MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return come_;
  }
  std::uint64_t server_end() const override MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::max(server_.flushed_lsn, read_);
  }

 private:
  absl::Status Begin(const std::string& command, milliseconds slot_within) MIRROR_REQUIRES(mutex_);
  /// Returns the data of a message that has data.
  absl::StatusOr<std::optional<std::string_view>> Take(std::string_view message) MIRROR_REQUIRES(mutex_);
  absl::Status Put(const std::string& message) MIRROR_REQUIRES(mutex_);
  absl::Status Answer() MIRROR_REQUIRES(mutex_);
  void AnswerAlone() MIRROR_EXCLUDES(mutex_);
  absl::Status Explain(const absl::Status& status) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  const std::unique_ptr<postgres::Connection> connection_ MIRROR_PT_GUARDED_BY(mutex_);
  const LogServer server_;
  const std::string slot_, publication_;
  milliseconds answers_every_ = kAnswersMax;  ///< Set before the thread begins.
  std::optional<postgres::CopyBoth> copy_ MIRROR_GUARDED_BY(mutex_);
  absl::Status failed_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t confirmed_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t come_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Everything below was received.
  std::uint64_t read_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< See server_end().
  std::uint64_t calls_ MIRROR_GUARDED_BY(mutex_) = 0;
  StreamClock::time_point answered_ MIRROR_GUARDED_BY(mutex_);
  bool ends_ MIRROR_GUARDED_BY(mutex_) = false;
  CondVar end_;
  std::thread answerer_;
};

absl::Status SlotStream::Start(std::uint64_t from, milliseconds slot_within) {
  const MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const SlotLook look, LookAtSlot(*connection_, slot_));
  RETURN_IF_ERROR(WhyUnreadable(slot_, look));
  confirmed_ = come_ = read_ = std::max(from, look.slot->confirmed_flush_lsn);
  if (look.sender_timeout > milliseconds(0))
    answers_every_ = std::clamp(look.sender_timeout / 4, kAnswersMin, kAnswersMax);
  const absl::StatusOr<std::string> slot = postgres::QuotedName(slot_);
  const absl::StatusOr<std::string> publication = postgres::QuotedName(publication_);
  if (!slot.ok() || !publication.ok()) return slot.ok() ? publication.status() : slot.status();
  RETURN_IF_ERROR(Begin(
      absl::StrCat("START_REPLICATION SLOT ", *slot, " LOGICAL ", postgres::FormatLsn(from),
                   " (proto_version '1', publication_names ", InQuotes(*publication), ", messages 'true')"),
      slot_within));
  answered_ = StreamClock::now();
  answerer_ = std::thread([this] { AnswerAlone(); });
  return absl::OkStatus();
}

absl::Status SlotStream::Begin(const std::string& command, milliseconds slot_within) {
  const StreamClock::time_point until = StreamClock::now() + slot_within;
  for (;;) {
    absl::StatusOr<postgres::CopyBoth> copy = postgres::CopyBoth::Begin(*connection_, command, kReadingLog);
    if (copy.ok()) {
      copy_.emplace(*std::move(copy));
      return absl::OkStatus();
    }
    if (!connection_->IsOpen()) return copy.status();
    const absl::StatusOr<SlotLook> look = LookAtSlot(*connection_, slot_);
    if (look.ok()) RETURN_IF_ERROR(WhyUnreadable(slot_, *look));
    // "object in use"
    if (postgres::FailureOf(copy.status()).sqlstate != "55006") return ExplainLog(copy.status(), slot_);
    if (StreamClock::now() >= until) {
      return look.ok() ? SlotInUse(slot_, *look->slot)
                       : ToStatus(LogTrouble::kInUse, std::string(copy.status().message()));
    }
    std::this_thread::sleep_for(kSlotAskedEvery);
  }
}

absl::StatusOr<std::optional<std::string_view>> SlotStream::Next(milliseconds within) {
  const MutexLock lock(mutex_);
  ++calls_;
  std::optional<StreamClock::time_point> until;
  milliseconds wait{0};
  for (;;) {
    if (!failed_.ok()) return failed_;
    absl::StatusOr<std::optional<std::string_view>> message = copy_->Next(wait);
    if (message.ok() && *message) message = Take(**message);
    if (!message.ok()) return failed_ = Explain(message.status());
    if (*message) return message;
    // Not for each message: on some machines reading the clock costs as much as a row.
    const StreamClock::time_point now = StreamClock::now();
    if (!until) until = now + within;
    if (now - answered_ >= answers_every_) failed_ = Answer();
    if (now >= *until) return std::nullopt;
    wait = std::chrono::ceil<milliseconds>(std::min(*until, answered_ + answers_every_) - now);
  }
}

absl::StatusOr<std::optional<std::string_view>> SlotStream::Take(std::string_view message) {
  const char kind = message.front();
  if (kind == 'w' && message.size() >= kDataHeader) {
    come_ = std::max({come_, LsnAt(message, 1), LsnAt(message, 9)});
    read_ = std::max(read_, come_);
    return message.substr(kDataHeader);
  }
  if (kind != 'k' || message.size() < kKeepaliveBytes) {
    return absl::DataLossError(absl::StrCat(kReadingLog, ": a message of ", message.size(),
                                            " bytes does not belong to the replication protocol"));
  }
  read_ = come_ = std::max(come_, LsnAt(message, 1));
  if (message[kKeepaliveBytes - 1] == 0) return std::nullopt;
  RETURN_IF_ERROR(Answer());
  return std::nullopt;
}

absl::Status SlotStream::Confirm(std::uint64_t lsn) {
  const MutexLock lock(mutex_);
  ++calls_;
  if (!failed_.ok()) return failed_;
  if (lsn <= confirmed_) return absl::OkStatus();
  if (lsn > come_) {
    return absl::InvalidArgumentError(absl::StrCat("the position ", postgres::FormatLsn(lsn),
                                                   " was to be confirmed, but the log was read only up to ",
                                                   postgres::FormatLsn(come_)));
  }
  absl::Status told = Put(StatusUpdate(std::max(come_, lsn), lsn));
  // See the class: this answer, as all but Confirm()'s, names no position that may be dropped.
  if (told.ok()) told = Answer();
  if (!told.ok()) return failed_ = Explain(told);
  confirmed_ = lsn;
  return absl::OkStatus();
}

absl::Status SlotStream::AskEnd() {
  const MutexLock lock(mutex_);
  ++calls_;
  if (!failed_.ok()) return failed_;
  answered_ = StreamClock::now();
  absl::Status asked = Put(StatusUpdate(come_, 0, /*asks=*/true));
  return asked.ok() ? asked : failed_ = Explain(asked);
}

absl::Status SlotStream::Answer() {
  answered_ = StreamClock::now();
  return Put(StatusUpdate(come_, 0));
}

absl::Status SlotStream::Put(const std::string& message) { return copy_->Put(message); }

void SlotStream::AnswerAlone() {
  const MutexLock lock(mutex_);
  std::uint64_t seen = calls_;
  StreamClock::time_point called = StreamClock::now();
  while (!ends_) {
    end_.WaitUntil(mutex_, StreamClock::now() + answers_every_);
    const StreamClock::time_point now = StreamClock::now();
    if (std::exchange(seen, calls_) != calls_) called = now;
    if (ends_ || !failed_.ok() || now - called >= kAnswersAlone) continue;
    if (now - answered_ < answers_every_ / 2) continue;
    if (absl::Status answered = Answer(); !answered.ok()) failed_ = Explain(answered);
  }
}

absl::Status SlotStream::Explain(const absl::Status& status) {
  // "undefined object", in a running stream: the publication is the only object that it names.
  if (postgres::FailureOf(status).sqlstate != "42704" || !connection_->IsOpen()) return status;
  const absl::StatusOr<std::string> name = postgres::QuotedText(publication_);
  if (!name.ok()) return status;
  const absl::StatusOr<postgres::Rows> found = connection_->Command(
      absl::StrCat("SELECT FROM pg_publication WHERE pubname = ", *name), "looking for the publication");
  if (!found.ok()) return status;
  return PublicationMissing(publication_, slot_, found->rows() > 0);
}

absl::StatusOr<LogServer> Identify(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   connection.Command("IDENTIFY_SYSTEM", "asking which server it is"));
  LogServer server;
  absl::StatusOr<std::uint64_t> flushed = absl::InternalError("the server did not say which one it is");
  if (rows.rows() == 1 && rows.columns() >= 3 && absl::SimpleAtoi(rows.Text(0, 1), &server.timeline))
    flushed = postgres::ParseLsn(rows.View(0, 2));
  if (!flushed.ok()) return flushed.status();
  server.system_id = rows.Text(0, 0);
  server.flushed_lsn = *flushed;
  return server;
}

absl::StatusOr<std::unique_ptr<postgres::Connection>> ConnectToLog(const PostgresAccess& access) {
  postgres::ConnectAs as = ConnectToSource(access);
  as.replication = true;
  absl::StatusOr<std::unique_ptr<postgres::Connection>> connection = postgres::Connection::Open(as);
  if (!connection.ok()) return ExplainLog(connection.status(), "");
  // Otherwise PostgreSQL refuses to send invalid UTF-8.
  if ((*connection)->Setting("server_encoding") != "SQL_ASCII") return connection;
  RETURN_IF_ERROR((*connection)->Execute("SET client_encoding TO 'SQL_ASCII'", kReadingLog));
  return connection;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogStream>> LogStream::Open(const PostgresAccess& access,
                                                           const std::string& slot,
                                                           const std::string& publication, std::uint64_t from,
                                                           milliseconds slot_within) {
  ASSIGN_OR_RETURN(std::unique_ptr<postgres::Connection> connection, ConnectToLog(access));
  ASSIGN_OR_RETURN(const LogServer server, Identify(*connection));
  // Such a stream would start and wait forever.
  if (from > server.flushed_lsn) {
    return ToStatus(
        LogTrouble::kBehindEnd,
        absl::StrCat("the position ", postgres::FormatLsn(from),
                     " is not in the server's log, which ends at ", postgres::FormatLsn(server.flushed_lsn),
                     ": it is another server, or an older state of it. Nothing was read"));
  }
  auto stream = std::make_unique<SlotStream>(std::move(connection), server, slot, publication);
  RETURN_IF_ERROR(stream->Start(from, slot_within));
  return stream;
}

absl::StatusOr<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view file) {
  std::vector<TimelineSwitch> history;
  for (const auto line : absl::StrSplit(absl::string_view(file.data(), file.size()), '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(std::string(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty() || words.front().front() == '#') continue;
    TimelineSwitch& left = history.emplace_back();
    const absl::StatusOr<std::uint64_t> lsn =
        words.size() < 2 ? absl::InvalidArgumentError("") : postgres::ParseLsn(words[1]);
    if (!lsn.ok() || !absl::SimpleAtoi(words[0], &left.timeline))
      return absl::DataLossError("the server's history of its timelines cannot be read");
    left.lsn = *lsn;
  }
  return history;
}

absl::StatusOr<std::vector<TimelineSwitch>> ReadTimelineHistory(const PostgresAccess& access,
                                                                std::int64_t timeline) {
  // The first timeline has no history, and no file.
  if (timeline <= 1) return std::vector<TimelineSwitch>();
  ASSIGN_OR_RETURN(std::unique_ptr<postgres::Connection> connection, ConnectToLog(access));
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   connection->Command(absl::StrCat("TIMELINE_HISTORY ", timeline),
                                       "asking where the server's timelines came from"));
  if (rows.rows() != 1 || rows.columns() != 2)
    return absl::DataLossError("the server's history of its timelines cannot be read");
  return ParseTimelineHistory(rows.View(0, 1));
}

}  // namespace mirror

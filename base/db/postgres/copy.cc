#include "base/db/postgres/copy.h"

#include <libpq-fe.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr std::size_t kHeaderBytes = 19;
constexpr std::size_t kFieldBytesMax = 1 << 30;

absl::Status SendCopy(Connection& connection, const std::string& sql, ExecStatusType wanted,
                      std::string_view doing) {
  RETURN_IF_ERROR(CheckSql(sql));
  Line& line = connection.line();
  const bool writes = wanted == PGRES_COPY_IN && !connection.InTransaction();
  RETURN_IF_ERROR(line.Begin(writes ? IfLost::kUnknown : IfLost::kNothing, doing));
  return line.Send(PQsendQuery(line.handle(), sql.c_str()), doing);
}

/// Waits until a COPY that was sent has begun.
absl::Status HearBegin(Line& line, ExecStatusType wanted, std::string_view doing) {
  ASSIGN_OR_RETURN(const Result begun, line.Next(doing));
  const ExecStatusType status = begun == nullptr ? PGRES_EMPTY_QUERY : PQresultStatus(begun.get());
  if (status == wanted) return absl::OkStatus();
  absl::Status refused = status == PGRES_FATAL_ERROR
                             ? line.ErrorOf(begun.get(), doing)
                             : line.Cut(doing, {.words = "the statement is not the expected COPY"});
  if (line.IsOpen()) line.Finish(doing).status().IgnoreError();
  return refused;
}

absl::Status BeginCopy(Connection& connection, const std::string& sql, ExecStatusType wanted,
                       std::string_view doing) {
  RETURN_IF_ERROR(SendCopy(connection, sql, wanted, doing));
  return HearBegin(connection.line(), wanted, doing);
}

}  // namespace

absl::StatusOr<CopyIn> CopyIn::Begin(Connection& connection, const std::string& sql, std::string_view doing) {
  RETURN_IF_ERROR(BeginCopy(connection, sql, PGRES_COPY_IN, doing));
  CopyIn copy(connection, doing);
  copy.piece_.reserve(kPieceBytes);
  copy.piece_ = kSignature;
  copy.piece_.append(kHeaderBytes - kSignature.size(), '\0');
  return copy;
}

CopyIn::CopyIn(CopyIn&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      doing_(std::move(other.doing_)),
      piece_(std::move(other.piece_)) {}

CopyIn::~CopyIn() { GiveUp(); }

void CopyIn::GiveUp() {
  Connection* const connection = std::exchange(connection_, nullptr);
  if (connection == nullptr || !connection->IsOpen()) return;
  Line& line = connection->line();
  const AnswersWithin patience(*connection, kGiveUpWithin);
  if (line.Send(PQputCopyEnd(line.handle(), "cancelled by its sender"), doing_).ok()) {
    line.Finish(doing_).status().IgnoreError();
  } else {
    line.Close();
  }
}

absl::Status CopyIn::Put(std::string_view bytes) {
  Line& line = connection_->line();
  const int put = PQputCopyData(line.handle(), bytes.data(), static_cast<int>(bytes.size()));
  absl::Status sent;
  if (put == 1) sent = line.Send(put, doing_);
  if (put == 1 && sent.ok()) return sent;
  Connection* const connection = std::exchange(connection_, nullptr);
  if (!sent.ok() || !connection->IsOpen()) return sent.ok() ? line.Cut(doing_) : sent;
  absl::Status refused = line.Finish(doing_).status();
  return refused.ok() ? line.Cut(doing_, {.words = "libpq did not take a row"}) : refused;
}

absl::Status CopyIn::Add(Values row) {
  if (connection_ == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(doing_, ": this COPY is over"));
  AppendNumber(piece_, static_cast<std::int16_t>(row.size()));
  for (const Value& value : row) {
    const std::string_view binary = value.binary();
    if (value.is_null()) {
      AppendNumber<std::int32_t>(piece_, -1);
      continue;
    }
    if (binary.size() >= kFieldBytesMax) {
      GiveUp();
      return absl::InvalidArgumentError(absl::StrCat(doing_, ": a value has ", binary.size(),
                                                     " bytes, and PostgreSQL takes less than 1 GB"));
    }
    AppendNumber(piece_, static_cast<std::int32_t>(binary.size()));
    if (binary.size() < kPieceBytes) {
      piece_ += binary;
      continue;
    }
    // The piece is moved, not copied: otherwise a large value would be in memory twice.
    absl::Status put = Put(std::exchange(piece_, {}));
    for (std::size_t at = 0; put.ok() && at < binary.size(); at += kPieceBytes)
      put = Put(binary.substr(at, kPieceBytes));
    if (!put.ok()) return put;
  }
  if (piece_.size() < kPieceBytes) return absl::OkStatus();
  absl::Status put = Put(piece_);
  piece_.clear();
  return put;
}

absl::StatusOr<std::int64_t> CopyIn::Finish() {
  if (connection_ == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(doing_, ": this COPY is over"));
  AppendNumber<std::int16_t>(piece_, -1);
  RETURN_IF_ERROR(Put(piece_));
  Line& line = std::exchange(connection_, nullptr)->line();
  RETURN_IF_ERROR(line.Send(PQputCopyEnd(line.handle(), nullptr), doing_));
  ASSIGN_OR_RETURN(Result result, line.Finish(doing_));
  return Rows(std::move(result)).affected();
}

absl::StatusOr<CopyOut> CopyOut::Begin(Connection& connection, const std::string& sql,
                                       std::string_view doing) {
  ASSIGN_OR_RETURN(CopyOut copy, Send(connection, sql, doing));
  RETURN_IF_ERROR(copy.Hear());
  return copy;
}

absl::StatusOr<CopyOut> CopyOut::Send(Connection& connection, const std::string& sql,
                                      std::string_view doing) {
  RETURN_IF_ERROR(SendCopy(connection, sql, PGRES_COPY_OUT, doing));
  return CopyOut(connection, doing);
}

absl::Status CopyOut::Hear() {
  if (std::exchange(is_heard_, true)) return begun_;
  begun_ = HearBegin(connection_->line(), PGRES_COPY_OUT, doing_);
  if (!begun_.ok()) connection_ = nullptr;
  return begun_;
}

CopyOut::CopyOut(CopyOut&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      doing_(std::move(other.doing_)),
      is_heard_(other.is_heard_) {}

CopyOut::~CopyOut() {
  if (connection_ == nullptr || !connection_->IsOpen()) return;
  Line& line = connection_->line();
  Connection& connection = *connection_;
  connection.GiveUp([&](std::chrono::milliseconds within) {
    if (!is_heard_ && !line.HasNext(within)) return false;
    if (!Hear().ok()) return true;
    const auto until = Line::Clock::now() + within;
    while (line.HasPiece(within)) {
      const absl::StatusOr<std::string_view> piece = line.NextPiece(doing_);
      if (!piece.ok() || piece->empty()) return true;
      if (Line::Clock::now() >= until) return false;
    }
    return false;
  });
  if (line.IsOpen()) line.Finish(doing_).status().IgnoreError();
}

absl::StatusOr<std::string_view> CopyOut::Piece() {
  if (connection_ == nullptr) return std::string_view();
  Line& line = connection_->line();
  absl::StatusOr<std::string_view> piece = line.NextPiece(doing_);
  if (piece.ok() && !piece->empty()) return piece;
  connection_ = nullptr;
  if (!piece.ok()) return piece;
  RETURN_IF_ERROR(line.Finish(doing_).status());
  return std::string_view();
}

CopyOut::Parsed CopyOut::Parse() {
  std::string_view left = ahead_;
  const auto take = [&left](std::size_t bytes) {
    const std::string_view taken = left.substr(0, bytes);
    left.remove_prefix(taken.size());
    return taken;
  };
  if (!has_begun_) {
    if (left.size() < kHeaderBytes) return Parsed::kIncomplete;
    if (left.substr(0, kSignature.size()) != kSignature) return Parsed::kWrong;
    const auto more = static_cast<std::uint32_t>(ReadInt(left.substr(kHeaderBytes - 4, 4)));
    if (left.size() < kHeaderBytes + more) return Parsed::kIncomplete;
    take(kHeaderBytes + more);
    has_begun_ = true;
    ahead_ = left;
  }
  if (left.size() < 2) return Parsed::kIncomplete;
  const std::int64_t columns = ReadInt(take(2));
  if (columns < 0) return columns == -1 ? Parsed::kEnd : Parsed::kWrong;
  fields_.assign(static_cast<std::size_t>(columns), std::string_view());
  for (std::string_view& field : fields_) {
    if (left.size() < 4) return Parsed::kIncomplete;
    const std::int64_t size = ReadInt(take(4));
    if (size < -1) return Parsed::kWrong;
    if (size == -1) continue;
    if (left.size() < static_cast<std::size_t>(size)) return Parsed::kIncomplete;
    field = take(static_cast<std::size_t>(size));
  }
  ahead_ = left;
  return Parsed::kRow;
}

absl::Status CopyOut::Malformed() {
  Line& line = std::exchange(connection_, nullptr)->line();
  return line.Cut(doing_, {.words = "the data is not in COPY's binary format"});
}

bool CopyOut::IsReady(std::chrono::milliseconds within) {
  if (connection_ == nullptr || has_ended_ || !ahead_.empty()) return true;
  if (!is_heard_ && !connection_->line().HasNext(within)) return false;
  return !Hear().ok() || connection_->line().HasPiece(within);
}

absl::StatusOr<bool> CopyOut::Step() {
  RETURN_IF_ERROR(Hear());
  for (;;) {
    if (connection_ == nullptr) return false;
    const Parsed parsed = has_ended_ ? Parsed::kEnd : Parse();
    if (parsed == Parsed::kRow) return true;
    if (parsed == Parsed::kWrong) return Malformed();
    has_ended_ = parsed == Parsed::kEnd;
    // PostgreSQL sends each row as one piece, but does not promise it.
    std::string rest(has_ended_ ? std::string_view() : ahead_);
    ASSIGN_OR_RETURN(const std::string_view piece, Piece());
    if (has_ended_) continue;
    if (piece.empty()) return ToStatus({.words = "COPY ended within a row"}, doing_);
    kept_ = std::move(rest);
    if (!kept_.empty()) kept_ += piece;
    ahead_ = kept_.empty() ? piece : std::string_view(kept_);
  }
}

absl::StatusOr<CopyBoth> CopyBoth::Begin(Connection& connection, const std::string& command,
                                         std::string_view doing) {
  RETURN_IF_ERROR(BeginCopy(connection, command, PGRES_COPY_BOTH, doing));
  return CopyBoth(connection, doing);
}

CopyBoth::CopyBoth(CopyBoth&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), doing_(std::move(other.doing_)) {}

CopyBoth::~CopyBoth() {
  if (connection_ != nullptr) connection_->Close();
}

absl::StatusOr<std::optional<std::string_view>> CopyBoth::Next(std::chrono::milliseconds within) {
  if (connection_ == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(doing_, ": this stream of messages has ended"));
  Line& line = connection_->line();
  if (!line.HasPiece(within)) return std::nullopt;
  const absl::StatusOr<std::string_view> message = line.NextPiece(doing_);
  if (message.ok() && !message->empty()) return *message;
  connection_ = nullptr;
  if (!message.ok()) return message.status();
  absl::Status ended = line.Finish(doing_).status();
  return ended.ok() ? line.Cut(doing_, {.words = "the server ended the stream of messages"}) : ended;
}

absl::Status CopyBoth::Put(std::string_view message) {
  if (connection_ == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(doing_, ": this stream of messages has ended"));
  Line& line = connection_->line();
  absl::Status sent =
      line.Send(PQputCopyData(line.handle(), message.data(), static_cast<int>(message.size())), doing_);
  if (!line.IsOpen()) connection_ = nullptr;
  return sent;
}

}  // namespace mirror::postgres

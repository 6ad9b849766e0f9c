#include "base/db/postgres/pipeline.h"

#include <libpq-fe.h>

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::postgres {

int Pipeline::Queue(const std::string& sql, Values values, std::string_view doing) {
  steps_.push_back({sql, {values.begin(), values.end()}, std::string(doing)});
  return size() - 1;
}

absl::Status Pipeline::SendStep(const Step& step, std::size_t number, std::vector<Sent>& sent) {
  PGconn* const handle = connection_.line().handle();
  const BoundValues bound(step.values);
  connection_.line().NoteSize(bound.bytes());
  const std::string key = PreparedStatements::KeyOf(step.sql, step.values);
  const PreparedStatements::Use use = connection_.prepared().UseOf(key);
  int taken = 1;
  if (use.has_to_be_prepared) {
    taken = PQsendPrepare(handle, use.name.c_str(), step.sql.c_str(), bound.size(), bound.types());
    sent.push_back({number, true, key});
  }
  if (taken == 1 && use.name.empty()) {
    taken = PQsendQueryParams(handle, step.sql.c_str(), bound.size(), bound.types(), bound.data(),
                              bound.sizes(), bound.formats(), 1);
  } else if (taken == 1) {
    taken = PQsendQueryPrepared(handle, use.name.c_str(), bound.size(), bound.data(), bound.sizes(),
                                bound.formats(), 1);
  }
  sent.push_back({number, false, key});
  if (taken == 1) return absl::OkStatus();
  // No sync was sent, so that none of the statements is durable.
  return connection_.line().Cut(step.doing, {.words = "libpq did not take a statement"});
}

absl::Status Pipeline::Enter(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    absl::Status checked = CheckSql(step.sql);
    if (checked.ok()) checked = BoundValues(step.values).status();
    if (!checked.ok()) return checked;
  }
  RETURN_IF_ERROR(connection_.DeallocateDropped());
  Line& line = connection_.line();
  commits_ |= line.IsIdle() && !begins_;
  const std::string& doing = steps.back().doing;
  RETURN_IF_ERROR(line.Begin(IfLost::kNothing, doing));
  if (PQenterPipelineMode(line.handle()) == 1) return absl::OkStatus();
  return line.Cut(doing, {.words = "the connection was still busy with another statement"});
}

absl::StatusOr<std::vector<Pipeline::Sent>> Pipeline::Send(const std::vector<Step>& steps, std::size_t from,
                                                           std::size_t to) {
  std::vector<Sent> sent;
  for (std::size_t i = from; i < to; ++i) {
    RETURN_IF_ERROR(SendStep(steps[i], i, sent));
  }
  RETURN_IF_ERROR(
      to == steps.size()
          ? SendEnd(steps)
          : connection_.line().Send(PQsendFlushRequest(connection_.line().handle()), steps[from].doing));
  return sent;
}

absl::Status Pipeline::SendEnd(const std::vector<Step>& steps) {
  Line& line = connection_.line();
  const std::string& doing = steps.back().doing;
  const IfLost if_lost = commits_ ? IfLost::kUnknown : IfLost::kNothing;
  RETURN_IF_ERROR(line.Begin(if_lost, doing));
  return line.Send(PQpipelineSync(line.handle()), doing);
}

absl::Status Pipeline::ReadOne(const std::string& doing, Result& last) {
  Line& line = connection_.line();
  absl::Status failed;
  for (;;) {
    absl::StatusOr<Result> next = line.Next(doing);
    if (!next.ok()) return failed.ok() ? next.status() : failed;
    if (*next == nullptr) break;
    const ExecStatusType status = PQresultStatus(next->get());
    if (status == PGRES_FATAL_ERROR && failed.ok()) {
      failed = line.ErrorOf(next->get(), doing);
      if (!line.IsOpen()) return failed;
    } else if (status == PGRES_PIPELINE_ABORTED && failed.ok()) {
      failed =
          absl::AbortedError(absl::StrCat(doing, doing.empty() ? "" : ": ", "an earlier statement failed"));
    }
    // The rows would be lost: see LeaveSingleRows() in connection.cc.
    if (status == PGRES_SINGLE_TUPLE) return line.Cut(doing, {.words = "rows of a pipeline came one by one"});
    last = *std::move(next);
  }
  if (failed.ok() && !line.IsOpen()) return line.Cut(doing);
  return failed;
}

absl::Status Pipeline::ReadEnd(std::string_view doing) {
  Line& line = connection_.line();
  ASSIGN_OR_RETURN(const Result synced, line.Next(doing));
  if (synced == nullptr || PQresultStatus(synced.get()) != PGRES_PIPELINE_SYNC) {
    return synced != nullptr && PQresultStatus(synced.get()) == PGRES_FATAL_ERROR
               ? line.Cut(doing, ReadFailure(synced.get()))
               : line.Cut(doing, {.words = "the answers have no end"});
  }
  if (PQexitPipelineMode(line.handle()) == 1) return absl::OkStatus();
  return line.Cut(doing, {.words = "there were more answers than statements"});
}

absl::Status Pipeline::Read(const std::vector<Step>& steps, const std::vector<Sent>& sent,
                            std::vector<Rows>& rows) {
  absl::Status failed;
  for (const Sent& one : sent) {
    Result last;
    const absl::Status read = ReadOne(steps[one.step].doing, last);
    if (!read.ok()) {
      if (failed.ok()) {
        failed = read;
        failed_ = static_cast<int>(one.step);
        connection_.NoteFailed(one.key, read);
      }
      // A statement that was not run was not prepared either.
      if (one.prepares) connection_.prepared().Forget(one.key);
      if (!connection_.IsOpen()) {
        failed_ = -1;
        return failed;
      }
    } else if (!one.prepares) {
      rows.emplace_back(std::move(last));
    }
  }
  return failed;
}

absl::StatusOr<std::vector<Rows>> Pipeline::Run() {
  failed_ = -1;
  const std::vector<Step> steps = std::exchange(steps_, {});
  const std::size_t commit = std::exchange(commit_, 0);
  const absl::Cleanup done = [this] { begins_ = commits_ = false; };
  std::vector<Rows> rows;
  if (steps.empty()) return rows;
  absl::Status failed = Enter(steps);
  if (!failed.ok()) return failed;
  // Statements are sent in parts: with each further statement libpq moves all data in its buffers.
  for (std::size_t from = 0, to = 0; from < steps.size() && failed.ok(); from = to) {
    to = std::min(steps.size(), from + kStepsAtOnce);
    // COMMIT is in the last part. If the connection is lost then, it is known that this happened during the
    // commit. And the warnings of the last part are those of the commit.
    if (to < steps.size() && from < commit && commit < to) to = commit;
    ASSIGN_OR_RETURN(const std::vector<Sent> sent, Send(steps, from, to));
    failed = Read(steps, sent, rows);
    if (!connection_.IsOpen()) return failed;
    if (failed.ok() || to == steps.size()) continue;
    RETURN_IF_ERROR(SendEnd(steps));
  }
  const absl::Status ended = ReadEnd(steps.back().doing);
  if (!failed.ok()) return failed;
  if (!ended.ok()) return ended;
  return rows;
}

}  // namespace mirror::postgres

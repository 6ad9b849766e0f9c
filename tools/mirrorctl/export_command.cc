// 'mirrorctl export': the rows of a table into a file that is there when it is whole.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/interruption.h"
#include "base/printable.h"
#include "base/text/drawn_line.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_command.h"
#include "tools/mirrorctl/export/export_file.h"
#include "tools/mirrorctl/export/table_export.h"

namespace mirror {
namespace {

constexpr std::string_view kStdout = "-";
/// A terminal's line stands for so long at least.
constexpr std::chrono::milliseconds kDrawn(200);

ExportFormat FormatOf(const std::string& word) {
  if (word == "parquet") return ExportFormat::kParquet;
  return word == "csv" ? ExportFormat::kCsv : ExportFormat::kJsonLines;
}

/// How far it is.
std::string ProgressLine(const TableExport& rows, std::uint64_t bytes) {
  std::string line = Grouped(rows.rows());
  const std::int64_t all = rows.header()->row_count();
  if (all > 0) absl::StrAppend(&line, " of ", Grouped(static_cast<std::uint64_t>(all)));
  absl::StrAppend(&line, " rows  ", SizeText(bytes));
  if (all > 0 && rows.rows() <= static_cast<std::uint64_t>(all)) {
    absl::StrAppend(&line, "  ", rows.rows() * 100 / static_cast<std::uint64_t>(all), " %");
  }
  return line;
}

/// Gives all of it to `rows`, which make `bytes` of it.
absl::Status ReadAll(AdminClient& admin, const AdminRequest& request, const Interruption& interruption,
                     TableExport& rows, const std::uint64_t& bytes, Console& console) {
  v1::ExportTableRequest message;
  message.set_context_id(request.context_id);
  message.set_table(request.export_table);
  message.set_history(request.history);
  message.set_as_of(request.as_of);
  DrawnLine progress(console.err, console.terminal, kDrawn, &DrawnLine::Clock::now);
  absl::Status status = ExportClient(admin).Read(message, interruption, [&](v1::ExportPart* part) {
    absl::Status taken = rows.Take(part);
    if (taken.ok() && progress.Due()) progress.Show(ProgressLine(rows, bytes));
    return taken;
  });
  progress.Clear();
  return status.ok() ? rows.Finish() : status;
}

void Say(const TableExport& rows, std::uint64_t bytes, const AdminRequest& request, Console& console) {
  const v1::ExportHeader& header = *rows.header();
  std::string words = absl::StrCat(Printable(header.table().name()), ": ", Counted(rows.rows(), "row"), ", ",
                                   SizeText(bytes), ", as of LSN ", header.position().lsn());
  if (request.out == kStdout) {
    console.err << "mirrorctl: " << words << '\n';
  } else {
    console.out << words << ", in " << Printable(request.out) << '\n';
  }
}

void ToStdout(AdminClient& admin, const AdminRequest& request, Console& console) {
  const Interruption interruption;
  std::uint64_t bytes = 0;
  std::ostream& out = AsItIs(console.out);
  TableExport rows(FormatOf(request.format), [&](std::string_view piece) {
    bytes += piece.size();
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return out ? absl::OkStatus() : absl::UnavailableError("stdout takes no more: what it has is not whole");
  });
  const absl::Status status = ReadAll(admin, request, interruption, rows, bytes, console);
  out.flush();
  if (!status.ok()) return Fail(console, status);
  Say(rows, bytes, request, console);
}

void Export(AdminClient& admin, const AdminRequest& request, Console& console) {
  if (request.out == kStdout) return ToStdout(admin, request, console);
  // Until the file has its name: a signal before leaves nothing behind.
  const Interruption interruption;
  const ExistingFile existing = request.replace ? ExistingFile::kReplace : ExistingFile::kRefuse;
  const absl::StatusOr<std::unique_ptr<ExportFile>> file = ExportFile::Begin(request.out, existing);
  if (!file.ok()) return Fail(console, file.status());
  std::uint64_t bytes = 0;
  TableExport rows(FormatOf(request.format), [&](std::string_view piece) {
    bytes += piece.size();
    return (*file)->Write(piece);
  });
  absl::Status status = ReadAll(admin, request, interruption, rows, bytes, console);
  if (status.ok()) status = (*file)->Finish();
  if (!status.ok()) return Fail(console, status);
  Say(rows, bytes, request, console);
}

}  // namespace

void AddExportCommand(const AdminCommands& commands) {
  const std::shared_ptr<AdminRequest>& request = commands.request;
  const cli::Command command =
      commands.Add("export",
                   "Write the rows of a table into a file, all as of one moment; it has its name when it is "
                   "whole",
                   "Cust26759 contact --format parquet --out contact.parquet", Export);
  commands.AddContext(command, true);
  command.Add("table", request->export_table, "Its name, as 'mirrorctl tables' prints it")
      .Required()
      .Completes(TableNames);
  command.Add("--format", request->format, "What the file is to be")
      .Required()
      .OneOf({"parquet", "csv", "ndjson"});
  command.Add("--out", request->out, "The file, made on this machine; - is stdout, for csv and ndjson")
      .ValueName("FILE")
      .Required()
      .Completes(cli::Besides::kFiles);
  command.AddFlag("--replace", request->replace,
                  "If the file is there, replace it when the new one is whole");
  const cli::Option history = command.AddFlag("--history", request->history,
                                              "All versions of the rows that are kept, and since when");
  command.Add("--as-of", request->as_of, "The rows as they were at a time, LSN or moment")
      .ValueName("WHEN")
      .Excludes(history);
  command.Check([request_ = request] {
    return request_->out == kStdout && request_->format == "parquet"
               ? "a Parquet file is not written to stdout: give --out a name"
               : "";
  });
}

}  // namespace mirror

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/interruption.h"
#include "base/printable.h"
#include "base/text/drawn_line.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/admin/name_completion.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/export_file.h"
#include "tools/mirrorctl/parquet_output.h"
#include "tools/mirrorctl/row_output.h"

// 'mirrorctl export': writes the rows of a table to a file. The file gets its name only when it is complete.

namespace mirror {
namespace {

enum class ExportFormat { kParquet, kCsv, kJsonLines };

/// Converts the parts of one export, as they arrive, into the bytes of a file.
class TableExport {
 public:
  TableExport(ExportFormat format, ByteSink sink) : format_(format), sink_(std::move(sink)) {}

  /// Processes the next part; it may move from `part`. Errors: those of the sink and the format; kInternal:
  /// the parts are not those of an export.
  absl::Status Take(v1::ExportPart* part);
  /// Ends the file; call it after the last part. Errors: kUnavailable: parts are missing.
  absl::Status Finish();

  /// Returns the header; absent until it has come.
  const std::optional<v1::ExportHeader>& header() const { return header_; }
  std::uint64_t rows() const { return rows_; }

 private:
  absl::Status Begin(v1::ExportHeader header);
  absl::Status AddRows(v1::ExportRows* rows);

  const ExportFormat format_;
  const ByteSink sink_;
  std::optional<v1::ExportHeader> header_;
  TableSchema table_;
  std::unique_ptr<RowOutput> output_;
  std::uint64_t rows_ = 0;
  bool is_ended_ = false;
};

absl::Status NoExport(std::string_view why) {
  return absl::InternalError(absl::StrCat("the server sent an invalid export: ", std::string(why),
                                          ". Is this mirrorctl older than the server?"));
}

ExportNotes NotesOf(const v1::ExportHeader& header) {
  ExportNotes notes = {{"mirror_context_id", header.context_id()},
                       {"mirror_table", header.table().name()},
                       {"mirror_lsn", absl::StrCat(header.position().lsn())},
                       {"mirror_schema_hash", header.schema_hash()},
                       {"mirror_exported_ms", absl::StrCat(header.time_ms())}};
  if (header.moment() != 0) notes.emplace_back("mirror_moment", absl::StrCat(header.moment()));
  return notes;
}

absl::Status TableExport::Take(v1::ExportPart* part) {
  switch (part->part_case()) {
    case v1::ExportPart::kHeader:
      return header_ ? NoExport("a second header") : Begin(std::move(*part->mutable_header()));
    case v1::ExportPart::kRows:
      return header_ && !is_ended_ ? AddRows(part->mutable_rows()) : NoExport("rows at a wrong place");
    case v1::ExportPart::kEnd:
      if (!header_ || is_ended_) return NoExport("an end at a wrong place");
      if (part->end().rows() != rows_) return NoExport("its end has another number of rows than came");
      is_ended_ = true;
      return absl::OkStatus();
    case v1::ExportPart::PART_NOT_SET:
      break;
  }
  return NoExport("a part that this mirrorctl does not know");
}

absl::Status TableExport::Finish() {
  if (!is_ended_) {
    return absl::UnavailableError("the server sent only some of the rows: nothing was kept, so ask again");
  }
  return output_->End(NotesOf(*header_));
}

absl::Status TableExport::Begin(v1::ExportHeader header) {
  absl::StatusOr<TableSchema> table = DecodeTable(header.table(), WireLimits());
  if (!table.ok()) return NoExport(std::string(table.status().message()));
  table_ = *std::move(table);
  header_ = std::move(header);
  switch (format_) {
    case ExportFormat::kParquet:
      output_ = ParquetOutput(table_, sink_);
      break;
    case ExportFormat::kCsv:
      output_ = CsvOutput(table_, sink_);
      break;
    case ExportFormat::kJsonLines:
      output_ = JsonLinesOutput(table_, sink_);
      break;
  }
  return output_->Begin();
}

absl::Status TableExport::AddRows(v1::ExportRows* rows) {
  v1::ReadRowsResponse message;
  message.set_row_count(rows->row_count());
  message.mutable_columns()->Swap(rows->mutable_columns());
  const absl::StatusOr<ReadRowsView> view = DecodeRows(message, table_, WireLimits());
  if (!view.ok()) return NoExport(std::string(view.status().message()));
  bool is_whole = view->columns.size() == table_.columns.size();
  for (std::size_t i = 0; is_whole && i < view->columns.size(); ++i) {
    is_whole = view->columns[i].column == i && view->columns[i].large.empty();
  }
  if (!is_whole) return NoExport("rows whose columns differ from the header");
  rows_ += view->row_count;
  return output_->Write(view->columns, view->row_count);
}

constexpr std::string_view kStdout = "-";
/// Shortest time between two updates of the terminal's line.
constexpr std::chrono::milliseconds kDrawn(200);

ExportFormat FormatOf(const std::string& word) {
  if (word == "parquet") return ExportFormat::kParquet;
  return word == "csv" ? ExportFormat::kCsv : ExportFormat::kJsonLines;
}

/// Returns the progress for people.
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

/// Reads the export and passes all parts to `rows`. `bytes` is the number of bytes that `rows` has written.
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
    return out ? absl::OkStatus()
               : absl::UnavailableError("stdout accepts no more data: the output is incomplete");
  });
  const absl::Status status = ReadAll(admin, request, interruption, rows, bytes, console);
  out.flush();
  if (!status.ok()) return Fail(console, status);
  Say(rows, bytes, request, console);
}

void Export(AdminClient& admin, const AdminRequest& request, Console& console) {
  if (request.out == kStdout) return ToStdout(admin, request, console);
  // Handles signals until the file has its name. A signal before that leaves no file.
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
                   "Write the rows of a table, all as of one moment, into a file. The file appears under "
                   "its name when it is complete",
                   "Cust26759 contact --format parquet --out contact.parquet", Export);
  commands.AddContext(command, true);
  command.Add("table", request->export_table, "Its name, as 'mirrorctl tables' prints it")
      .Required()
      .Completes(TableNames);
  command.Add("--format", request->format, "Format of the file")
      .Required()
      .OneOf({"parquet", "csv", "ndjson"});
  command.Add("--out", request->out, "The file, made on this machine; - is stdout, for csv and ndjson")
      .ValueName("FILE")
      .Required()
      .Completes(cli::Besides::kFiles);
  command.AddFlag("--replace", request->replace, "Replace an existing file when the new one is complete");
  const cli::Option history = command.AddFlag("--history", request->history,
                                              "Write all kept versions of the rows, with the time since "
                                              "which each is valid");
  command.Add("--as-of", request->as_of, "Write the rows as they were at a time, an LSN or a moment")
      .ValueName("WHEN")
      .Excludes(history);
  command.Check([request_ = request] {
    return request_->out == kStdout && request_->format == "parquet"
               ? "a Parquet file cannot be written to stdout: give a file name with --out"
               : "";
  });
}

}  // namespace mirror

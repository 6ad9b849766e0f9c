#ifndef MIRROR_TOOLS_BENCHMARKS_ROW_EXPORT_H_
#define MIRROR_TOOLS_BENCHMARKS_ROW_EXPORT_H_

#include <string>

#include "absl/status/status.h"
#include "tools/benchmarks/bench_rows.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {

/// Writes the rows of a step into the file `path`, a line each, for other databases to read: columns between
/// commas and texts in quotes ("csv"), or between tabs ("tsv"), which no text of the benchmark holds.
/// Errors: kInvalidArgument for another format, kUnavailable when the file cannot be written.
absl::Status ExportRows(const BenchRows& rows, const Step& step, const std::string& format,
                        const std::string& path);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_ROW_EXPORT_H_

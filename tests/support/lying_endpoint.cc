#include "tests/support/lying_endpoint.h"

#include <google/protobuf/message.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace mirror {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using When = LyingEndpoint::Lie::When;

/// The source's token goes on to the real endpoint.
std::unique_ptr<grpc::ClientContext> ContextOf(const grpc::ServerContext& context) {
  auto out = std::make_unique<grpc::ClientContext>();
  const auto token = context.client_metadata().find("authorization");
  if (token != context.client_metadata().end()) {
    out->AddMetadata("authorization", std::string(token->second.data(), token->second.size()));
  }
  out->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  return out;
}

template <typename Number>
Number Odd(Number was, std::mt19937_64& random) {
  switch (random() % 7) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return std::numeric_limits<Number>::max();
    case 3:
      return std::numeric_limits<Number>::lowest();
    case 4:
      return was == std::numeric_limits<Number>::max() ? was : static_cast<Number>(was + 1);
    case 5:
      return was == std::numeric_limits<Number>::lowest() ? was : static_cast<Number>(was - 1);
    default:
      return static_cast<Number>(random());
  }
}

std::string OddText(const std::string& was, std::mt19937_64& random) {
  switch (random() % 5) {
    case 0:
      return "";
    case 1:
      return was + "x";
    case 2:
      return was.substr(0, was.size() / 2);
    case 3:
      return "\x1b[2J'\n\t; DROP TABLE t --";
    default:
      return std::string(100'000, 'y');
  }
}

void TwistList(Message* message, const FieldDescriptor* field, std::mt19937_64& random) {
  const Reflection& reflection = *message->GetReflection();
  const int size = reflection.FieldSize(*message, field);
  const bool messages = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  const auto any = [&] { return static_cast<int>(random() % static_cast<std::uint64_t>(size)); };
  switch (random() % 6) {
    case 0:
      return reflection.ClearField(message, field);
    case 1:
      if (size > 0) reflection.RemoveLast(message, field);
      return;
    case 2:
      if (size > 1) reflection.SwapElements(message, field, any(), any());
      return;
    case 3:  // One twice, or one that is empty.
      if (messages) {
        Message* const added = reflection.AddMessage(message, field);
        if (size > 0) added->CopyFrom(reflection.GetRepeatedMessage(*message, field, any()));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        reflection.AddString(message, field, OddText("text", random));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
        reflection.AddEnumValue(message, field, static_cast<int>(random() % 9));
      }
      return;
    default:
      if (messages && size > 0)
        return Twist(reflection.MutableRepeatedMessage(message, field, any()), random);
      if (size > 0 && field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
        reflection.SetRepeatedEnumValue(message, field, any(), static_cast<int>(random() % 9));
      }
      if (size > 0 && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        const int at = any();
        const std::string was = reflection.GetRepeatedString(*message, field, at);
        reflection.SetRepeatedString(message, field, at, OddText(was, random));
      }
  }
}

}  // namespace

void Twist(Message* message, std::mt19937_64& random) {
  const auto& type = *message->GetDescriptor();
  if (type.field_count() == 0) return;
  const Reflection& reflection = *message->GetReflection();
  const FieldDescriptor* const field =
      type.field(static_cast<int>(random() % static_cast<std::uint64_t>(type.field_count())));
  if (field->is_repeated()) return TwistList(message, field, random);
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(message, field, Odd(reflection.GetInt32(*message, field), random));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(message, field, Odd(reflection.GetInt64(*message, field), random));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(message, field, Odd(reflection.GetUInt32(*message, field), random));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(message, field, Odd(reflection.GetUInt64(*message, field), random));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(message, field, !reflection.GetBool(*message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(message, field, static_cast<int>(random() % 9));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(message, field, OddText(reflection.GetString(*message, field), random));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (random() % 4 == 0) return reflection.ClearField(message, field);
      return Twist(reflection.MutableMessage(message, field), random);
    default:
      return;
  }
}

LyingEndpoint::LyingEndpoint(const std::shared_ptr<grpc::Channel>& real) : real_(Service::NewStub(real)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

LyingEndpoint::~LyingEndpoint() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  Release();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
}

std::shared_ptr<grpc::Channel> LyingEndpoint::Channel() const {
  return grpc::CreateChannel(address_, grpc::InsecureChannelCredentials());
}

void LyingEndpoint::Tell(Ask ask) {
  const std::lock_guard lock(mutex_);
  ask_ = std::move(ask);
}

void LyingEndpoint::Release() {
  {
    const std::lock_guard lock(mutex_);
    ++releases_;
  }
  released_.notify_all();
}

LyingEndpoint::Lie LyingEndpoint::LieOf(const std::string& call) {
  const std::lock_guard lock(mutex_);
  return ask_ ? ask_(call) : Lie();
}

grpc::Status LyingEndpoint::StaySilent() {
  std::unique_lock lock(mutex_);
  released_.wait(lock, [this, before = releases_] { return over_ || releases_ != before; });
  return {grpc::StatusCode::CANCELLED, "it was silent"};
}

grpc::Status LyingEndpoint::Answer(const std::string& call, Message* response,
                                   const std::function<grpc::Status()>& forward) {
  const Lie lie = LieOf(call);
  if (lie.when == When::kSilent) return StaySilent();
  if (lie.when == When::kBefore) return lie.status;
  const grpc::Status status = forward();
  if (!status.ok()) return status;
  if (lie.when == When::kAfter) return lie.status;
  if (lie.twist) lie.twist(response);
  return grpc::Status::OK;
}

grpc::Status LyingEndpoint::Authenticate(grpc::ServerContext* context, const v1::AuthenticateRequest* request,
                                         v1::AuthenticateResponse* response) {
  return Answer("Authenticate", response,
                [&] { return real_->Authenticate(ContextOf(*context).get(), *request, response); });
}

grpc::Status LyingEndpoint::TableSchema(grpc::ServerContext* context, const v1::TableSchemaRequest* request,
                                        v1::TableSchemaResponse* response) {
  return Answer("TableSchema", response,
                [&] { return real_->TableSchema(ContextOf(*context).get(), *request, response); });
}

grpc::Status LyingEndpoint::RowData(grpc::ServerContext* context, const v1::RowDataRequest* request,
                                    v1::RowDataResponse* response) {
  return Answer("RowData", response,
                [&] { return real_->RowData(ContextOf(*context).get(), *request, response); });
}

grpc::Status LyingEndpoint::RowDataStream(
    grpc::ServerContext* context, grpc::ServerReaderWriter<v1::RowDataResponse, v1::RowDataRequest>* stream) {
  v1::RowDataRequest request;
  while (stream->Read(&request)) {
    const Lie lie = LieOf("RowDataStream");
    if (lie.when == When::kSilent) return StaySilent();
    if (lie.when == When::kBefore) return lie.status;
    v1::RowDataResponse response;
    const grpc::Status status = real_->RowData(ContextOf(*context).get(), request, &response);
    if (!status.ok()) return status;
    if (lie.when == When::kAfter) return lie.status;
    if (lie.twist) lie.twist(&response);
    if (lie.when != When::kLost) stream->Write(response);
    if (lie.when == When::kTwice) stream->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status LyingEndpoint::Wipe(grpc::ServerContext* context, const v1::WipeRequest* request,
                                 v1::WipeResponse* response) {
  return Answer("Wipe", response, [&] { return real_->Wipe(ContextOf(*context).get(), *request, response); });
}

grpc::Status LyingEndpoint::ReplicationCompleted(grpc::ServerContext* context,
                                                 const v1::ReplicationCompletedRequest* request,
                                                 v1::ReplicationCompletedResponse* response) {
  return Answer("ReplicationCompleted", response,
                [&] { return real_->ReplicationCompleted(ContextOf(*context).get(), *request, response); });
}

grpc::Status LyingEndpoint::DigestRanges(grpc::ServerContext* context, const v1::DigestRangesRequest* request,
                                         v1::DigestRangesResponse* response) {
  return Answer("DigestRanges", response,
                [&] { return real_->DigestRanges(ContextOf(*context).get(), *request, response); });
}

grpc::Status LyingEndpoint::ReadRows(grpc::ServerContext* context, const v1::ReadRowsRequest* request,
                                     grpc::ServerWriter<v1::ReadRowsResponse>* writer) {
  const auto out = ContextOf(*context);
  const auto reader = real_->ReadRows(out.get(), *request);
  v1::ReadRowsResponse response;
  while (reader->Read(&response)) {
    const Lie lie = LieOf("ReadRows");
    if (lie.when == When::kSilent) {
      out->TryCancel();
      return StaySilent();
    }
    if (lie.when == When::kBefore || lie.when == When::kAfter) {
      out->TryCancel();
      return lie.status;
    }
    if (lie.twist) lie.twist(&response);
    if (lie.when != When::kLost) writer->Write(response);
    if (lie.when == When::kTwice) writer->Write(response);
  }
  return reader->Finish();
}

}  // namespace mirror

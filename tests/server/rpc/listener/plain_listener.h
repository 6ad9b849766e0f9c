#ifndef MIRROR_TESTS_SERVER_RPC_LISTENER_PLAIN_LISTENER_H_
#define MIRROR_TESTS_SERVER_RPC_LISTENER_PLAIN_LISTENER_H_

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/listener/endpoint.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// Of a listener without TLS, for messages up to 1 MB.
inline Listener::Options PlainOptions(const char* name) {
  Listener::Options options;
  options.accept.name = name;
  options.credentials = grpc::InsecureServerCredentials();
  options.service_name = absl::StrCat("test.", name);
  options.message_bytes_max = 1 << 20;
  options.threads_max = 64;
  options.memory_bytes_max = 1U << 30;
  return options;
}

/// Takes connections. Null: it could not be opened, and the test has failed.
inline std::unique_ptr<Listener> StartListener(const Listener::Options& options, grpc::Service* service) {
  auto opened = Listener::Open(options, service);
  EXPECT_THAT(opened, IsOk());
  if (!opened.ok()) return nullptr;
  (*opened)->Start();
  return *std::move(opened);
}

/// A connection of its own.
inline std::shared_ptr<grpc::Channel> PlainChannel(const Listener& listener,
                                                   grpc::ChannelArguments arguments = {}) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", listener.port()),
                                   grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_RPC_LISTENER_PLAIN_LISTENER_H_

import org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner;

/** Starts one node that also has the role "ingest", which the runner's own main class leaves out. */
public final class Node {
    public static void main(String[] arguments) throws Exception {
        ElasticsearchClusterRunner runner = new ElasticsearchClusterRunner();
        runner.onBuild((number, settings) -> settings.putList("node.roles", "master", "data", "ingest"));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }));
        runner.build(arguments);
        while (!runner.isClosed()) {
            Thread.sleep(1_000);
        }
    }
}
